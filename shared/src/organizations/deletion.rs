//! Deletion: the organization is closed immediately, and can be restored for a grace period.

use mongodb::bson::{DateTime, doc};
use secrecy::SecretString;

use crate::auth::{Caller, reauthenticate};
use crate::clock::after;
use crate::model::{Action, Transition};
use crate::problem::Problem;
use crate::sessions::revoke_all_of_organization;

/// Deletes the caller's organization and ends all its sessions. Returns until when it can be restored.
pub async fn delete(caller: &Caller, password: &SecretString) -> Result<DateTime, Problem> {
    let databases = caller.databases();
    let reauthenticated = reauthenticate(caller, password).await?;
    let id = caller.organization().id;
    let now = databases.clock.now();
    let purge_at = after(now, caller.request().config().deletion_grace);
    let event = caller.event(Action::OrganizationDeleted);
    reauthenticated
        .transaction(|transaction, _| {
            Box::pin(async {
                let deletable = doc! { "_id": id, "status": Transition::Delete.from() };
                let change = doc! { "$set": {
                    "status": Transition::Delete.to(),
                    "deleted_at": now,
                    "purge_at": purge_at,
                    "updated_at": now,
                } };
                let deleting = databases.organizations.update_one(deletable, change);
                deleting.session(&mut *transaction).await?;
                let ended = revoke_all_of_organization(databases, id, transaction).await?;
                let event = event.clone().with_sessions_ended(ended);
                databases.append(&event, transaction).await?;
                Ok(())
            })
        })
        .await?;
    Ok(purge_at)
}
