//! Whether a session is alive.

use mongodb::bson::doc;
use mongodb::error::Error;

use super::Databases;
use crate::model::{Admin, Session};

/// The session, if it is alive. If it seems to have ended, it is read again: it may have been read before a password
/// change in this session, and its admin afterwards.
pub(crate) async fn alive(
    databases: &Databases,
    session: Session,
    admin: &Admin,
) -> Result<Option<Session>, Error> {
    let now = databases.clock.now();
    if session.is_alive(admin, now) {
        return Ok(Some(session));
    }
    let again = databases
        .sessions
        .find_one(doc! { "_id": session.id })
        .await?;
    Ok(again.filter(|session| session.is_alive(admin, now)))
}
