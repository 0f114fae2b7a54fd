//! Purge: removes the data of organizations whose grace period is over, in steps that can be interrupted anywhere.
//!
//! The organization's document is deleted last. Until then the next run finds it and repeats all steps.
//!
//! MongoDB creates a collection with the first write to it. A request that writes after its organization's collection
//! was dropped creates a new one. The next runs drop it.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use tokio::time::Instant;

use crate::clock::before;
use crate::model::{Organization, Transition};
use crate::mongo::log_error;
use crate::problem::Problem;
use crate::state::AppState;
use crate::store::{Databases, Lease};

/// How long after its purge a name is watched for collections of late writes. A request ends within its function's
/// timeout, 15 minutes at most.
const LATE_WRITES: Duration = Duration::from_secs(24 * 3600);

/// How long after the deadline the last organization of a run may take.
const TIME_TO_FINISH: Duration = Duration::from_secs(30);

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
    databases.create_indexes_once().await?;
    drop_late_collections(databases).await?;
    let due = doc! {
        "status": Transition::Purge.from(),
        "purge_at": { "$lte": databases.clock.now() },
    };
    let mut found = databases.organizations.find(due).await?;
    let mut report = PurgeReport::default();
    while found.advance().await? {
        if Instant::now() >= deadline {
            report.remaining += 1;
            continue;
        }
        // An unreadable document does not stop the others.
        let removed = match found.deserialize_current() {
            Ok(organization) => remove(databases, &organization).await,
            Err(error) => Err(error),
        };
        match removed {
            Ok(true) => report.purged += 1,
            Ok(false) => {}
            Err(error) => {
                log_error(&error);
                let id = found.current().get_object_id("_id").ok();
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

/// Removes an organization. Returns false if it was restored meanwhile.
async fn remove(databases: &Databases, organization: &Organization) -> Result<bool, Error> {
    if !claim(databases, organization).await? {
        return Ok(false);
    }
    retire_name(databases, organization).await?;
    let collection = organization.collection_name.as_str();
    databases.drop_tenant_collection(collection).await?;
    let of_organization = doc! { "organization_id": organization.id };
    databases
        .sessions
        .delete_many(of_organization.clone())
        .await?;
    // Before the trail: a refused login writes to it only while the admin's document exists.
    databases
        .admins
        .delete_many(of_organization.clone())
        .await?;
    databases
        .audit_events
        .delete_many(of_organization.clone())
        .await?;
    databases.onboardings.delete_many(of_organization).await?;
    let gone = doc! { "_id": organization.id, "status": Transition::Purge.to() };
    databases.organizations.delete_one(gone).await?;
    tracing::info!(organization_id = %organization.id, "an organization was purged");
    Ok(true)
}

/// Sets its status to `purging`, so that it cannot be restored any more. Returns false if it is not due any more.
async fn claim(databases: &Databases, organization: &Organization) -> Result<bool, Error> {
    let due = doc! {
        "_id": organization.id,
        "status": Transition::Purge.from(),
        "purge_at": { "$lte": databases.clock.now() },
    };
    let purging = doc! { "$set": { "status": Transition::Purge.to() } };
    let claimed = databases.organizations.update_one(due, purging).await?;
    Ok(claimed.matched_count == 1)
}

/// Records that its collection's name is never used again. The UUID tells the collection from one that a late write
/// creates.
async fn retire_name(databases: &Databases, organization: &Organization) -> Result<(), Error> {
    let collection = organization.collection_name.as_str();
    let retired = doc! {
        "retired_at": databases.clock.now(),
        "uuid": databases.tenant_collection_uuid(collection).await?,
    };
    databases
        .retired_collection_names
        .update_one(doc! { "_id": collection }, doc! { "$setOnInsert": retired })
        .upsert(true)
        .await?;
    Ok(())
}

/// Drops collections of late writes: those with a purged name, another UUID than the purged collection, and no
/// organization.
async fn drop_late_collections(databases: &Databases) -> Result<(), Error> {
    let recently = doc! { "retired_at": { "$gt": before(databases.clock.now(), LATE_WRITES) } };
    let mut retired = databases.retired_collection_names.find(recently).await?;
    while retired.advance().await? {
        let retired = retired.deserialize_current()?;
        let Ok(name) = retired.get_str("_id") else {
            continue;
        };
        if is_late(databases, name, &retired).await? {
            databases.drop_tenant_collection(name).await?;
            tracing::warn!("dropped a collection that a late write created after its purge");
        }
    }
    Ok(())
}

async fn is_late(databases: &Databases, name: &str, retired: &Document) -> Result<bool, Error> {
    let Some(uuid) = databases.tenant_collection_uuid(name).await? else {
        return Ok(false);
    };
    if retired.get("uuid") == Some(&uuid.into()) {
        return Ok(false);
    }
    let owner = doc! { "collection_name": name };
    Ok(databases.organizations.find_one(owner).await?.is_none())
}
