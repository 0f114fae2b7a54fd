//! Deletion: the organization is closed immediately, and can be restored for a grace period.

use mongodb::bson::DateTime;
use secrecy::SecretString;

use crate::auth::{Caller, reauthenticate};
use crate::clock::after;
use crate::model::{Action, MailContent, OutboxMessage, Transition};
use crate::problem::Problem;
use crate::sessions::count_sessions_in;

/// Deletes the caller's organization and ends all its sessions. Returns until when it can be restored.
pub async fn delete(caller: &Caller, password: &SecretString) -> Result<DateTime, Problem> {
    let databases = caller.databases();
    let reauthenticated = reauthenticate(caller, password).await?;
    let now = databases.clock.now();
    let purge_at = after(now, caller.request().config().deletion_grace);
    // Who can undo a change of the address must find the organization.
    let previous = caller.account().restorable_email(now);
    let purge_at = previous.map_or(purge_at, |previous| purge_at.max(previous.reserved_until));
    let event = caller.event(Action::OrganizationDeleted);
    let content = MailContent::OrganizationDeleted {
        organization_name: caller.organization().name.clone(),
        restorable_until: purge_at,
    };
    let mail = caller.request().config().mail;
    let notice = mail.then(|| OutboxMessage::notice(caller.account(), content, now));
    let notice = notice.flatten();
    reauthenticated
        .write_organization(|mut organization, _| {
            let (event, notice) = (event.clone(), notice.clone());
            Box::pin(async move {
                let ended = count_sessions_in(databases, &mut organization).await?;
                let deletion = Transition::Delete { purge_at };
                if !organization.apply(deletion, now).await? {
                    return Err(Problem::not_active().into());
                }
                let event = event.with_sessions_ended(ended);
                organization.append(event).await?;
                if let Some(notice) = notice {
                    databases
                        .enqueue(&notice, organization.transaction())
                        .await?;
                }
                Ok(())
            })
        })
        .await?;
    caller.request().state().outbox_written.notify_one();
    Ok(purge_at)
}
