//! Logout, of one session or everywhere.

use super::revocation::{revoke_all, revoke_one};
use crate::auth::Caller;
use crate::model::{Action, EndReason};
use crate::problem::Problem;

/// Ends the caller's session. Succeeds also if the session has ended meanwhile.
pub async fn log_out(caller: &Caller) -> Result<(), Problem> {
    let databases = caller.databases();
    let event = caller.event(Action::SessionEnded {
        reason: EndReason::Logout,
    });
    // Not guarded: a session that ended meanwhile is logged out.
    caller
        .request()
        .transaction(|transaction, _| {
            Box::pin(async {
                let (admin, id) = (caller.admin().id(), caller.session_id());
                if revoke_one(databases, admin, id, transaction).await? {
                    let event = event.clone().with_sessions_ended(1);
                    databases.append(&event, transaction).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Ends all sessions of the caller.
pub async fn log_out_everywhere(caller: &Caller) -> Result<(), Problem> {
    let databases = caller.databases();
    let event = caller.event(Action::SessionEnded {
        reason: EndReason::LogoutEverywhere,
    });
    caller
        .transaction(|transaction, _| {
            Box::pin(async {
                let ended = revoke_all(databases, caller.admin().id(), None, transaction).await?;
                let event = event.clone().with_sessions_ended(ended);
                databases.append(&event, transaction).await?;
                Ok(())
            })
        })
        .await
}
