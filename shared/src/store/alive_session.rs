//! Whether a session is alive, by what MongoDB has now.

use mongodb::bson::doc;
use mongodb::error::Error;

use super::Databases;
use crate::model::{Admin, Session};

/// The session, if it is alive. What was read before its admin may be older than a new password that was set in it: then
/// what is read now decides.
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
