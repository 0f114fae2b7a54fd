//! The lock of a session.

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::error::Error;

use super::lock;
use crate::model::{Session, SessionId};
use crate::store::Databases;

/// The session, locked. None if it does not exist.
pub(crate) async fn lock_session(
    databases: &Databases,
    id: SessionId,
    transaction: &mut ClientSession,
) -> Result<Option<Session>, Error> {
    let sessions = &databases.sessions;
    let locking = sessions.find_one_and_update(doc! { "_id": id }, lock());
    locking.session(transaction).await
}
