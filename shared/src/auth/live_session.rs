//! Whether a session is alive.

use mongodb::bson::doc;
use mongodb::error::Error;

use crate::model::{Principal, Session};
use crate::mongo::log_error;
use crate::store::Databases;

/// The session, if it is alive and the principal can act. If it seems to have ended, it is read again: it may have been
/// read before a password change in this session, and its account afterwards.
pub(crate) async fn session_if_alive(
    databases: &Databases,
    session: Session,
    principal: &Principal,
) -> Result<Option<Session>, Error> {
    let now = databases.clock.now();
    if session.is_alive(principal, now) {
        return Ok(Some(session));
    }
    let again = doc! { "_id": session.id };
    let Some(session) = databases.sessions.find_one(again).await? else {
        return Ok(None);
    };
    if session.is_alive(principal, now) {
        return Ok(Some(session));
    }
    // A diagnosis: its failure does not change the response.
    if let Err(error) = report_foreign_membership(databases, &session, principal).await {
        log_error(&error);
    }
    Ok(None)
}

/// A membership ends with its document. So one that exists, but is not the principal's, was never the session's.
async fn report_foreign_membership(
    databases: &Databases,
    session: &Session,
    principal: &Principal,
) -> Result<(), Error> {
    match session.membership_id {
        Some(id) if id != principal.membership.id && databases.has_membership(id).await? => {
            tracing::error!(
                session_id = %session.id,
                membership_id = %id,
                "a session names a membership of another account or organization"
            );
        }
        _ => {}
    }
    Ok(())
}
