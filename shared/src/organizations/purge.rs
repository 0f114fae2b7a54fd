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
use crate::model::{AccountId, Organization, OrganizationId, Tombstone, Transition};
use crate::problem::Problem;
use crate::state::AppState;
use crate::store::locks::{LockedMembership, LockedOrganization};
use crate::store::{Databases, Lease};

/// For this long after a purge, the sweep removes sessions and events that late requests wrote. A request ends within its
/// function's timeout, 15 minutes at most.
const LATE_WRITES: Duration = Duration::from_secs(24 * 3600);
/// How long after the deadline the last organization of a run may take.
const TIME_TO_FINISH: Duration = Duration::from_secs(30);
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(20);
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
    let mut due = databases.organizations_due(databases.clock.now()).await?;
    let mut report = PurgeReport::default();
    while due.advance().await? {
        if Instant::now() >= deadline {
            report.remaining += 1;
            continue;
        }
        // An unreadable document does not stop the others.
        let removed = match due.deserialize_current() {
            Ok(organization) => remove(databases, organization.id, deadline).await,
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
    // Last, so that its failure stops no purge.
    sweep(databases).await?;
    Ok(report)
}

/// Removes an organization. Returns false if it was restored meanwhile, or is being moved.
async fn remove(
    databases: &Databases,
    id: OrganizationId,
    deadline: Instant,
) -> Result<bool, Problem> {
    let Some(organization) = claim(databases, id).await? else {
        return Ok(false);
    };
    let collection_name_hash = organization.collection_name.hash();
    let tombstone = Tombstone {
        collection_name_hash: collection_name_hash.clone(),
        organization_id: id,
        purged_at: databases.clock.now(),
    };
    databases.insert_tombstone(&tombstone).await?;
    databases.location_of(&organization).drop().await?;
    databases.delete_sessions_in(&[id]).await?;
    for account in databases.accounts_in(id).await? {
        if Instant::now() >= deadline + TIME_TO_FINISH {
            return Err(Problem::unavailable());
        }
        end_membership(databases, id, account).await?;
    }
    // After the memberships: an action on an account is recorded only in organizations that it is a member of.
    databases.delete_events_of(id).await?;
    databases.delete_idempotency_records_of(id).await?;
    delete_document(databases, id).await?;
    // After a backup is restored, these lines name what must be purged again.
    tracing::info!(
        organization_id = %id,
        collection_name_sha256 = collection_name_hash.as_str(),
        "an organization was purged"
    );
    Ok(true)
}

/// When a transaction of the purge that begins now must have ended.
fn transaction_deadline() -> Instant {
    Instant::now() + TRANSACTION_TIMEOUT
}

/// Begins the purge, so that the organization cannot be restored any more. None if it is not due any more.
async fn claim(databases: &Databases, id: OrganizationId) -> Result<Option<Organization>, Problem> {
    databases
        .transaction(transaction_deadline(), |transaction, _| {
            Box::pin(async {
                let locking = LockedOrganization::lock(databases, id, transaction);
                let Some(mut organization) = locking.await? else {
                    return Ok(None);
                };
                let now = databases.clock.now();
                let is_due = organization.apply(Transition::Purge, now).await?;
                Ok(is_due.then(|| organization.organization().clone()))
            })
        })
        .await
}

/// Ends the account's membership in the organization, and deletes the account if it has no other.
async fn end_membership(
    databases: &Databases,
    organization: OrganizationId,
    account: AccountId,
) -> Result<(), Problem> {
    let organizations = BTreeSet::from([organization]);
    let existed = databases
        .transaction(transaction_deadline(), |transaction, _| {
            let organizations = organizations.clone();
            Box::pin(async move {
                let locking =
                    LockedMembership::lock(databases, organizations, account, transaction);
                let mut membership = locking.await?;
                // Another one may have ended it meanwhile.
                let is_last = membership.end().await? > 0 && !membership.has_any().await?;
                Ok(!is_last || membership.delete_account().await?)
            })
        })
        .await?;
    if !existed {
        tracing::error!(
            organization_id = %organization,
            account_id = %account,
            "a membership named an account that does not exist: the purge removed the membership"
        );
    }
    Ok(())
}

async fn delete_document(databases: &Databases, id: OrganizationId) -> Result<(), Problem> {
    let left = databases
        .transaction(transaction_deadline(), |transaction, _| {
            Box::pin(async {
                let locking = LockedOrganization::lock(databases, id, transaction);
                let Some(organization) = locking.await? else {
                    return Ok(0);
                };
                let now = databases.clock.now();
                match Transition::Purge.is_allowed(organization.organization(), now) {
                    true => Ok(organization.delete().await?),
                    false => Err(Problem::internal().into()),
                }
            })
        })
        .await?;
    if left > 0 {
        tracing::error!(
            organization_id = %id,
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
    for id in purged {
        databases.delete_events_of(id).await?;
    }
    databases.release_addresses(databases.clock.now()).await?;
    let unknown = databases.unknown_tenant_collections().await?;
    let purged = databases.with_tombstones(&unknown).await?;
    for name in &purged {
        databases.drop_unknown_tenant_collection(name).await?;
        tracing::warn!("dropped a collection that was written to after its organization's purge");
    }
    let left: Vec<_> = unknown
        .iter()
        .filter(|name| !purged.contains(*name))
        .map(String::as_str)
        .collect();
    if !left.is_empty() {
        tracing::warn!(
            collections = left.len(),
            names = left.get(..LOGGED_NAMES).unwrap_or(&left).join(", "),
            "collections in TENANT_DB belong to no organization: they are left alone"
        );
    }
    Ok(())
}
