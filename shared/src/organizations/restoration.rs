//! Restores a deleted organization, until its purge.

use mongodb::bson::doc;

use crate::auth::{Credentials, verify_credentials};
use crate::model::{Action, AdminStatus, Event, Organization, OrganizationStatus, Transition};
use crate::problem::Problem;
use crate::request::RequestContext;
use crate::store::lock_admin;
use crate::throttle::Outcome;

/// Restores the organization of the admin with these credentials. An active organization stays active, so the request
/// can be repeated.
pub async fn restore(
    request: &RequestContext,
    credentials: Credentials<'_>,
) -> Result<Organization, Problem> {
    let databases = request.databases().await?;
    let is_restorable = |organization: &Organization| match organization.status {
        OrganizationStatus::Active => true,
        OrganizationStatus::Deleted => organization.purge_at > Some(request.now()),
        OrganizationStatus::Suspended | OrganizationStatus::Purging => false,
    };
    let (verified, organization) = verify_credentials(request, credentials, is_restorable).await?;
    let (admin, recording) = verified.record(Outcome::Right);
    recording.await?;
    // If the organization is active already, the request is recorded like a login.
    let action = match organization.status {
        OrganizationStatus::Active => Action::Login,
        _ => Action::OrganizationRestored,
    };
    let event = Event::new(action, request.address(), request.now()).by(&admin);
    let id = organization.id;
    request
        .transaction(|transaction, _| {
            Box::pin(async {
                // A new epoch means that the password or the organization changed after the password was verified.
                let locked = lock_admin(databases, admin.id, transaction).await?;
                let is_unchanged = locked.is_some_and(|locked| {
                    locked.status == AdminStatus::Active
                        && locked.session_epoch == admin.session_epoch
                });
                if !is_unchanged {
                    return Err(Problem::invalid_credentials().into());
                }
                let now = databases.clock.now();
                let status = Transition::Restore.from();
                let restorable = doc! { "_id": id, "status": status, "purge_at": { "$gt": now } };
                let change = doc! {
                    "$set": { "status": Transition::Restore.to(), "updated_at": now },
                    "$unset": { "deleted_at": "", "purge_at": "" },
                };
                let restoring = databases.organizations.update_one(restorable, change);
                let restored = restoring.session(&mut *transaction).await?;
                if restored.matched_count == 1 || event.action == Action::Login {
                    databases.append(&event, transaction).await?;
                }
                // Another request may have restored it. None if the grace period ended meanwhile.
                let active = doc! { "_id": id, "status": OrganizationStatus::Active };
                let active = databases
                    .organizations
                    .find_one(active)
                    .session(transaction);
                let active = active.await?;
                Ok(active.ok_or_else(Problem::invalid_credentials)?)
            })
        })
        .await
}
