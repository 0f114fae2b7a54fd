//! Locks a document for the time of a transaction.

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::error::Error;

use super::Databases;
use crate::model::{Admin, AdminId};

/// The current document of the admin. A write, not a read: two transactions that lock or change the admin run one after
/// the other.
pub(crate) async fn lock_admin(
    databases: &Databases,
    id: AdminId,
    transaction: &mut ClientSession,
) -> Result<Option<Admin>, Error> {
    let lock = doc! { "$inc": { "writes": 1_i64 } };
    let locking = databases
        .admins
        .find_one_and_update(doc! { "_id": id }, lock);
    locking.session(transaction).await
}
