//! The end of a deleted organization: its data is removed in steps that can be interrupted anywhere.
//!
//! The organization's document goes last. Until then the next run finds it and does all steps again; each
//! may find its work done.
//!
//! MongoDB makes a collection with the first write to it. A request that still writes when its organization's collection
//! is dropped makes a new one that belongs to nobody: the following runs drop it.

use std::time::Duration;

use mongodb::bson::{Binary, Document, doc};
use mongodb::error::Error;
use tokio::time::Instant;

use crate::clock::before;
use crate::model::Organization;
use crate::mongo::log_error;
use crate::problem::Problem;
use crate::state::AppState;
use crate::store::{Databases, Lease};

/// How long after its purge a name is watched for a collection that a late write made. A request ends within its
/// function's timeout, 15 minutes at most.
const LATE_WRITES: Duration = Duration::from_secs(24 * 3600);

/// The last organization of a run may be purged after the deadline for so long.
const TIME_TO_FINISH: Duration = Duration::from_secs(30);

/// What a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PurgeReport {
    pub purged: u64,
    /// Failed, and tried again by the next run.
    pub failed: u64,
    /// Not begun before the deadline, and left to the next run.
    pub remaining: u64,
}

/// Removes the organizations whose time to be restored is over. Begins none after `deadline`, and does nothing while
/// another run is at work.
pub async fn purge_deleted(state: &AppState, deadline: Instant) -> Result<PurgeReport, Problem> {
    let databases = state.mongo.databases().await?;
    let time = deadline.saturating_duration_since(Instant::now()) + TIME_TO_FINISH;
    let Some(lease) = Lease::acquire(databases, "purge", time).await? else {
        tracing::info!("another purge is running");
        return Ok(PurgeReport::default());
    };
    let purged = purge_due(databases, deadline).await;
    lease.release().await;
    purged
}

async fn purge_due(databases: &Databases, deadline: Instant) -> Result<PurgeReport, Problem> {
    databases.make_indexes().await?;
    drop_late_collections(databases).await?;
    let due = doc! {
        "status": { "$in": ["deleted", "purging"] },
        "purge_at": { "$lte": databases.clock.now() },
    };
    let mut found = databases.organizations.find(due).await?;
    let mut report = PurgeReport::default();
    while found.advance().await? {
        if Instant::now() >= deadline {
            report.remaining += 1;
            continue;
        }
        // One that cannot be read holds up no other.
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
            "organizations are left to the next purge"
        );
    }
    Ok(report)
}

/// Whether there was something to remove: the organization may just have been restored.
async fn remove(databases: &Databases, organization: &Organization) -> Result<bool, Error> {
    if !claim(databases, organization).await? {
        return Ok(false);
    }
    retire_name(databases, organization).await?;
    let collection = organization.collection_name.as_str();
    databases
        .tenants
        .collection::<()>(collection)
        .drop()
        .await?;
    let of_organization = doc! { "organization_id": organization.id };
    let of_onboarding = doc! { "organization_id": organization.id };
    databases
        .sessions
        .delete_many(of_organization.clone())
        .await?;
    // Before the trail: a refused login is recorded for an admin that is there.
    databases
        .admins
        .delete_many(of_organization.clone())
        .await?;
    databases.audit_events.delete_many(of_organization).await?;
    databases.onboardings.delete_many(of_onboarding).await?;
    let gone = doc! { "_id": organization.id, "status": "purging" };
    databases.organizations.delete_one(gone).await?;
    tracing::info!(organization_id = %organization.id, "an organization is purged");
    Ok(true)
}

/// From here on it cannot be restored.
async fn claim(databases: &Databases, organization: &Organization) -> Result<bool, Error> {
    let due = doc! {
        "_id": organization.id,
        "status": { "$in": ["deleted", "purging"] },
        "purge_at": { "$lte": databases.clock.now() },
    };
    let purging = doc! { "$set": { "status": "purging" } };
    let claimed = databases.organizations.update_one(due, purging).await?;
    Ok(claimed.matched_count == 1)
}

/// Its collection's name is never given to another. The UUID tells the collection from one that a late write makes.
async fn retire_name(databases: &Databases, organization: &Organization) -> Result<(), Error> {
    let collection = organization.collection_name.as_str();
    let retired = doc! {
        "retired_at": databases.clock.now(),
        "uuid": uuid_of(databases, collection).await?,
    };
    databases
        .retired_collection_names
        .update_one(doc! { "_id": collection }, doc! { "$setOnInsert": retired })
        .upsert(true)
        .await?;
    Ok(())
}

/// Of the tenants' collection with this name, if there is one.
async fn uuid_of(databases: &Databases, collection: &str) -> Result<Option<Binary>, Error> {
    let filter = doc! { "name": collection };
    let mut found = databases.tenants.list_collections().filter(filter).await?;
    Ok(match found.advance().await? {
        true => found.deserialize_current()?.info.uuid,
        false => None,
    })
}

/// Drops the collections that late writes made under purged names: those whose UUID is not that of the collection that
/// was dropped, and whose name no organization has.
async fn drop_late_collections(databases: &Databases) -> Result<(), Error> {
    let recently = doc! { "retired_at": { "$gt": before(databases.clock.now(), LATE_WRITES) } };
    let mut retired = databases.retired_collection_names.find(recently).await?;
    while retired.advance().await? {
        let retired = retired.deserialize_current()?;
        let Ok(name) = retired.get_str("_id") else {
            continue;
        };
        if is_late(databases, name, &retired).await? {
            databases.tenants.collection::<()>(name).drop().await?;
            tracing::warn!("a collection that a late write made after its purge is dropped");
        }
    }
    Ok(())
}

async fn is_late(databases: &Databases, name: &str, retired: &Document) -> Result<bool, Error> {
    let Some(uuid) = uuid_of(databases, name).await? else {
        return Ok(false);
    };
    if retired.get("uuid") == Some(&uuid.into()) {
        return Ok(false);
    }
    let owner = doc! { "collection_name": name };
    Ok(databases.organizations.find_one(owner).await?.is_none())
}
