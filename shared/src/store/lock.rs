//! Locks a document for the time of a transaction.

use mongodb::ClientSession;
use mongodb::bson::{Document, doc};
use mongodb::error::Error;

use super::Databases;
use crate::model::{Admin, AdminId, Session, SessionId};

/// The current document of the admin. A write, not a read: two transactions that lock or change the admin run one after
/// the other.
pub(crate) async fn lock_admin(
    databases: &Databases,
    id: AdminId,
    transaction: &mut ClientSession,
) -> Result<Option<Admin>, Error> {
    let locking = databases
        .admins
        .find_one_and_update(doc! { "_id": id }, lock());
    locking.session(transaction).await
}

/// The current document of the session, locked like that of an admin.
pub(crate) async fn lock_session(
    databases: &Databases,
    id: SessionId,
    transaction: &mut ClientSession,
) -> Result<Option<Session>, Error> {
    let locking = databases
        .sessions
        .find_one_and_update(doc! { "_id": id }, lock());
    locking.session(transaction).await
}

fn lock() -> Document {
    doc! { "$inc": { "writes": 1_i64 } }
}
