//! An admin for the time of a transaction.

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::bson::oid::ObjectId;
use mongodb::error::Error;

use super::Databases;
use crate::model::Admin;

/// The admin as it is now, if it is there. Written, not only read: of two transactions that lock or change it, one
/// comes first, and the other one is run again.
pub(crate) async fn lock_admin(
    databases: &Databases,
    id: ObjectId,
    session: &mut ClientSession,
) -> Result<Option<Admin>, Error> {
    let written = doc! { "$inc": { "writes": 1_i64 } };
    let locking = databases
        .admins
        .find_one_and_update(doc! { "_id": id }, written);
    locking.session(session).await
}
