//! The lock of a session.

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::error::Error;

use super::{change, lock};
use crate::model::{Session, SessionId};
use crate::store::Databases;

/// The session, locked. None if it does not exist.
pub(crate) async fn lock_session(
    databases: &Databases,
    id: SessionId,
    transaction: &mut ClientSession,
) -> Result<Option<Session>, Error> {
    let own = doc! { "_id": id };
    change(&databases.sessions, own, lock(), transaction).await
}
