//! Restoring a deleted organization, as long as its purge has not begun.

use mongodb::bson::doc;
use tokio::time::Instant;

use crate::auth::{Credentials, authenticate};
use crate::http::ClientAddress;
use crate::model::{Action, AdminStatus, Event, Organization, OrganizationStatus};
use crate::problem::Problem;
use crate::state::AppState;
use crate::store::lock_admin;
use crate::throttle::Outcome;

/// The organization of the admin with these credentials, active again. One that is active stays so: who
/// repeats the request gets the same answer.
pub async fn restore(
    state: &AppState,
    credentials: Credentials<'_>,
    address: ClientAddress,
    deadline: Instant,
) -> Result<Organization, Problem> {
    let databases = state.mongo.databases().await?;
    let restorable = |organization: &Organization| match organization.status {
        OrganizationStatus::Active => true,
        OrganizationStatus::Deleted => organization.purge_at > Some(databases.clock.now()),
        OrganizationStatus::Suspended | OrganizationStatus::Purging => false,
    };
    let (verified, organization) =
        authenticate(state, credentials, address, deadline, restorable).await?;
    let (admin, settling) = verified.settling(Outcome::Right);
    settling.await?;
    // Of a request that is repeated, the password was right all the same: it is recorded as a login is.
    let action = match organization.status {
        OrganizationStatus::Active => Action::Login,
        _ => Action::OrganizationRestored,
    };
    let event = Event::new(action, address, databases.clock.now()).of(&admin);
    let id = organization.id;
    databases
        .transaction(deadline, |session, _| {
            Box::pin(async {
                // Nothing has ended the admin's sessions since it verified its password: no new password, no other deletion.
                let now_admin = lock_admin(databases, admin.id, session).await?;
                let as_proved = now_admin.is_some_and(|now_admin| {
                    now_admin.status == AdminStatus::Active
                        && now_admin.session_epoch == admin.session_epoch
                });
                if !as_proved {
                    return Err(Problem::invalid_credentials().into());
                }
                let now = databases.clock.now();
                let deleted = doc! { "_id": id, "status": "deleted", "purge_at": { "$gt": now } };
                let change = doc! {
                    "$set": { "status": "active", "updated_at": now },
                    "$unset": { "deleted_at": "", "purge_at": "" },
                };
                let changing = databases.organizations.update_one(deleted, change);
                let restored = changing.session(&mut *session).await?;
                if restored.matched_count == 1 || event.action == Action::Login {
                    databases.append(&event, session).await?;
                }
                // Where another request was faster, its outcome is this one's.
                let active = doc! { "_id": id, "status": "active" };
                let active = databases.organizations.find_one(active).session(session);
                // None where the organization's time ran out meanwhile.
                let active = active.await?;
                Ok(active.ok_or_else(Problem::invalid_credentials)?)
            })
        })
        .await
}
