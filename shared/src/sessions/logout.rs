//! Logout: of the caller's session, of another one, or everywhere.

use super::revocation::{revoke_all, revoke_one, revoke_own};
use crate::auth::Caller;
use crate::model::{Action, EndReason, SessionId};
use crate::problem::Problem;

/// Ends the caller's session. Succeeds also if the session has ended meanwhile.
pub async fn log_out(caller: &Caller) -> Result<(), Problem> {
    let reason = EndReason::Logout;
    let event = caller
        .event(Action::SessionEnded { reason })
        .concerning(vec![caller.organization().id])
        .with_sessions_ended(1);
    let databases = caller.databases();
    // Not `write_account`: a session that ended meanwhile is logged out.
    caller
        .request()
        .transaction(|transaction, _| {
            Box::pin(async {
                if revoke_one(databases, caller.session_id(), transaction).await? {
                    databases.append(&event, transaction).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Ends one session of the caller's account, in any organization. Fails with 404 if the account has no such live session.
pub async fn end_session(caller: &Caller, id: SessionId) -> Result<(), Problem> {
    let reason = EndReason::Revoked;
    let event = caller.event(Action::SessionEnded { reason }).in_session(id);
    let event = event.with_sessions_ended(1);
    let databases = caller.databases();
    caller
        .write_account(|mut account, _| {
            let event = event.clone();
            Box::pin(async move {
                let revoked = revoke_own(databases, id, &mut account).await?;
                let revoked = revoked.ok_or_else(Problem::session_not_found)?;
                let event = event.concerning(revoked.organization_id.into_iter().collect());
                databases.append(&event, account.transaction()).await?;
                Ok(())
            })
        })
        .await
}

/// Ends all sessions of the caller's account.
pub async fn log_out_everywhere(caller: &Caller) -> Result<(), Problem> {
    let reason = EndReason::LogoutEverywhere;
    let event = caller.event(Action::SessionEnded { reason });
    let databases = caller.databases();
    caller
        .write_account(|mut account, _| {
            let event = event.clone();
            Box::pin(async move {
                let ended = revoke_all(databases, &mut account, None).await?;
                account.append(event.with_sessions_ended(ended)).await?;
                Ok(())
            })
        })
        .await
}
