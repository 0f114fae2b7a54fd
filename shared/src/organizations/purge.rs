//! Purge: removes the data of organizations whose grace period is over, in steps that can be interrupted anywhere.
//!
//! The organization's document is deleted last. Until then the next run finds it and repeats all steps.
//!
//! MongoDB creates a collection with the first write to it. A request that writes after its organization's collection
//! was dropped creates a new one. The sweep of the next runs drops it, and what such a request left elsewhere. It drops
//! only what a tombstone names: any other collection without an organization is reported, and never dropped.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::before;
use crate::model::{AccountId, Organization, Tombstone, Transition};
use crate::problem::Problem;
use crate::state::AppState;
use crate::store::locks::{LockedMembership, LockedOrganization};
use crate::store::{Databases, Lease};
use crate::values::CollectionNameHash;

/// How long after a purge its sessions and events of late writes are removed. A request ends within its function's
/// timeout, 15 minutes at most.
const LATE_WRITES: Duration = Duration::from_secs(24 * 3600);
/// How long after the deadline the last organization of a run may take.
const TIME_TO_FINISH: Duration = Duration::from_secs(30);
/// How many names of unknown collections are logged.
const LOGGED_NAMES: usize = 10;

/// The result of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PurgeReport {
    pub purged: u64,
    /// Failed. The next run tries again.
    pub failed: u64,
    /// Not begun before the deadline. The next run does them.
    pub remaining: u64,
}

/// Purges the organizations whose grace period is over. Begins none after `deadline`, and does nothing while another
/// run is active.
pub async fn purge_deleted(state: &AppState, deadline: Instant) -> Result<PurgeReport, Problem> {
    let databases = state.mongo.databases().await?;
    let time = deadline.saturating_duration_since(Instant::now()) + TIME_TO_FINISH;
    let Some(lease) = Lease::acquire(&databases, "purge", time).await? else {
        tracing::info!("another purge is running: this one ends");
        return Ok(PurgeReport::default());
    };
    let purged = purge_due(&databases, deadline).await;
    lease.release().await;
    purged
}

async fn purge_due(databases: &Databases, deadline: Instant) -> Result<PurgeReport, Problem> {
    databases.prepare_once().await?;
    sweep(databases).await?;
    let mut due = databases.organizations_due(databases.clock.now()).await?;
    let mut report = PurgeReport::default();
    while due.advance().await? {
        if Instant::now() >= deadline {
            report.remaining += 1;
            continue;
        }
        // An unreadable document does not stop the others.
        let removed = match due.deserialize_current() {
            Ok(organization) => remove(databases, &organization, deadline).await,
            Err(error) => Err(error.into()),
        };
        match removed {
            Ok(true) => report.purged += 1,
            Ok(false) => {}
            // The error is logged.
            Err(_) => {
                let id = due.current().get_object_id("_id").ok();
                let id = id.map(|id| id.to_hex());
                tracing::error!(organization_id = id, "an organization could not be purged");
                report.failed += 1;
            }
        }
    }
    if report.remaining > 0 {
        tracing::warn!(
            remaining = report.remaining,
            "organizations remain for the next purge"
        );
    }
    Ok(report)
}

/// Removes an organization. Returns false if it was restored meanwhile, or is being moved.
async fn remove(
    databases: &Databases,
    organization: &Organization,
    deadline: Instant,
) -> Result<bool, Problem> {
    let id = organization.id;
    let deadline = deadline.max(Instant::now()) + TIME_TO_FINISH;
    if !claim(databases, organization, deadline).await? {
        return Ok(false);
    }
    let collection_name_hash = organization.collection_name.hash();
    let tombstone = Tombstone {
        collection_name_hash: collection_name_hash.clone(),
        organization_id: id,
        purged_at: databases.clock.now(),
    };
    databases.insert_tombstone(&tombstone).await?;
    databases.location_of(organization).drop().await?;
    databases.delete_sessions_in(&[id]).await?;
    for account in databases.accounts_in(id).await? {
        end_membership(databases, organization, account, deadline).await?;
    }
    // After the memberships: an action on an account is recorded only in organizations that it is a member of.
    databases.delete_events_of(&[id]).await?;
    databases.delete_idempotency_records_of(id).await?;
    delete_document(databases, organization, deadline).await?;
    // What a restored backup needs to purge it again.
    tracing::info!(
        organization_id = %id,
        collection_name_sha256 = collection_name_hash.as_str(),
        "an organization was purged"
    );
    Ok(true)
}

/// Begins the purge, so that the organization cannot be restored any more. Returns false if it is not due any more.
async fn claim(
    databases: &Databases,
    organization: &Organization,
    deadline: Instant,
) -> Result<bool, Problem> {
    databases
        .transaction(deadline, |transaction, _| {
            Box::pin(async {
                let locking = LockedOrganization::lock(databases, organization.id, transaction);
                let Some(mut organization) = locking.await? else {
                    return Ok(false);
                };
                let now = databases.clock.now();
                Ok(organization.apply(Transition::Purge, now).await?)
            })
        })
        .await
}

/// Ends the account's membership in the organization, and deletes the account if it has no other.
async fn end_membership(
    databases: &Databases,
    organization: &Organization,
    account: AccountId,
    deadline: Instant,
) -> Result<(), Problem> {
    let organizations = BTreeSet::from([organization.id]);
    let existed = databases
        .transaction(deadline, |transaction, _| {
            let organizations = organizations.clone();
            Box::pin(async move {
                let locking =
                    LockedMembership::lock(databases, organizations, account, transaction);
                let mut membership = locking.await?;
                membership.end().await?;
                Ok(membership.has_any().await? || membership.delete_account().await?)
            })
        })
        .await?;
    if !existed {
        tracing::error!(
            organization_id = %organization.id,
            account_id = %account,
            "a membership named an account that does not exist: the purge removed the membership"
        );
    }
    Ok(())
}

async fn delete_document(
    databases: &Databases,
    organization: &Organization,
    deadline: Instant,
) -> Result<(), Problem> {
    let left = databases
        .transaction(deadline, |transaction, _| {
            Box::pin(async {
                let locking = LockedOrganization::lock(databases, organization.id, transaction);
                match locking.await? {
                    Some(organization) => Ok(organization.delete().await?),
                    None => Ok(0),
                }
            })
        })
        .await?;
    if left > 0 {
        tracing::error!(
            organization_id = %organization.id,
            memberships = left,
            "memberships named no account: the purge removed them"
        );
    }
    Ok(())
}

/// Removes what requests wrote after the purge of their organization.
async fn sweep(databases: &Databases) -> Result<(), Problem> {
    let since = before(databases.clock.now(), LATE_WRITES);
    let purged = databases.purged_since(since).await?;
    databases.delete_sessions_in(&purged).await?;
    databases.delete_events_of(&purged).await?;
    let mut unknown = Vec::new();
    for name in databases.unknown_tenant_collections().await? {
        if databases
            .has_tombstone(&CollectionNameHash::of(&name))
            .await?
        {
            databases.drop_unknown_tenant_collection(&name).await?;
            tracing::warn!(
                "dropped a collection that was written to after its organization's purge"
            );
        } else {
            unknown.push(name);
        }
    }
    if !unknown.is_empty() {
        tracing::warn!(
            collections = unknown.len(),
            names = unknown.get(..LOGGED_NAMES).unwrap_or(&unknown).join(", "),
            "collections in TENANT_DB belong to no organization: they are left alone"
        );
    }
    Ok(())
}
