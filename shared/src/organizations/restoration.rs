//! Restores a deleted organization, until its purge.

use crate::auth::{Credentials, verify_credentials};
use crate::model::{
    Account, AccountStatus, Action, Event, Organization, Principal, Role, Transition,
};
use crate::problem::Problem;
use crate::request::RequestContext;
use crate::store::locks::{LockedAccount, LockedOrganization};
use crate::throttle::Outcome;

/// Restores the organization that the owner with these credentials deleted: of several, the one that the owner joined
/// first. Holds stay. If none is deleted, the first open one is returned, so the request can be repeated where the account
/// owns one organization without a hold.
pub async fn restore(
    request: &RequestContext,
    credentials: Credentials<'_>,
) -> Result<Organization, Problem> {
    let databases = request.databases().await?;
    let now = request.now();
    let choose = |mut principals: Vec<Principal>| {
        principals.retain(|own| own.membership.role == Role::Owner);
        let can_restore = |own: &Principal| Transition::Restore.is_allowed(&own.organization, now);
        let restorable = principals.iter().position(can_restore);
        let open = || principals.iter().position(Principal::can_act);
        let chosen = restorable.or_else(open)?;
        Some(principals.swap_remove(chosen))
    };
    let verified = verify_credentials(request, credentials, choose).await?;
    let (principal, recording) = verified.record(Outcome::Right);
    recording.await?;
    // If the organization is open already, the request is recorded like a login.
    let action = match principal.organization.is_open() {
        true => Action::Login,
        false => Action::OrganizationRestored,
    };
    let event = Event::new(action, request.address(), now).by(&principal.account);
    let Organization { id, epoch, .. } = principal.organization;
    let account = &principal.account;
    request
        .transaction(|transaction, _| {
            let event = event.clone();
            Box::pin(async move {
                let locked = LockedOrganization::lock(databases, id, transaction).await?;
                // Another epoch means that it was closed after the password was verified.
                let mut organization = locked
                    .filter(|locked| locked.organization().epoch == epoch)
                    .ok_or_else(Problem::invalid_credentials)?;
                let transaction = organization.transaction();
                let locked = LockedAccount::lock(databases, account.id(), transaction).await?;
                let locked = locked.map(LockedAccount::into_account);
                let membership = organization.lock_membership(account.id()).await?;
                // Another epoch means that the password was changed after it was verified.
                let is_same_account = |locked: &Account| {
                    locked.status == AccountStatus::Active && locked.epoch == account.epoch
                };
                let is_owner = membership.is_some_and(|membership| membership.role == Role::Owner);
                if !is_owner || !locked.as_ref().is_some_and(is_same_account) {
                    return Err(Problem::invalid_credentials().into());
                }
                let restoring = organization.apply(Transition::Restore, databases.clock.now());
                if restoring.await? || event.action == Action::Login {
                    organization.append(event).await?;
                } else if organization.organization().deleted.is_some() {
                    // Its grace period ended meanwhile.
                    return Err(Problem::invalid_credentials().into());
                }
                Ok(organization.organization().clone())
            })
        })
        .await
}
