//! The end of a deleted organization: its data is removed in steps that can be interrupted anywhere.
//!
//! The organization's document goes last. Until then the next run finds it and does all steps again; each
//! may find its work done.

use mongodb::bson::doc;
use mongodb::error::Error;
use tokio::time::Instant;

use super::Organization;
use crate::app::App;
use crate::mongo::{Databases, log_error};
use crate::problem::Problem;

/// What a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Purge {
    pub purged: u64,
    /// Failed, and tried again by the next run.
    pub failed: u64,
    /// Not begun before the deadline, and left to the next run.
    pub left: u64,
}

/// Removes the organizations whose time to be restored is over. Begins none after `deadline`.
pub async fn purge_deleted(app: &App, deadline: Instant) -> Result<Purge, Problem> {
    let databases = app.mongo.databases().await?;
    let due = doc! {
        "status": { "$in": ["deleted", "purging"] },
        "purge_at": { "$lte": databases.clock.now() },
    };
    let mut found = databases.organizations.find(due).await?;
    let mut purge = Purge::default();
    while found.advance().await? {
        if Instant::now() >= deadline {
            purge.left += 1;
            continue;
        }
        // One that cannot be read holds up no other.
        let removed = match found.deserialize_current() {
            Ok(organization) => remove(databases, &organization).await,
            Err(error) => Err(error),
        };
        match removed {
            Ok(true) => purge.purged += 1,
            Ok(false) => {}
            Err(error) => {
                log_error(&error);
                let id = found.current().get_object_id("_id").ok();
                let id = id.map(|id| id.to_hex());
                tracing::error!(organization_id = id, "an organization could not be purged");
                purge.failed += 1;
            }
        }
    }
    if purge.left > 0 {
        tracing::warn!(
            left = purge.left,
            "organizations are left to the next purge"
        );
    }
    Ok(purge)
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
    let of_onboarding = doc! { "organization._id": organization.id };
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

/// Its collection's name is never given to another.
async fn retire_name(databases: &Databases, organization: &Organization) -> Result<(), Error> {
    let name = doc! { "_id": organization.collection_name.as_str() };
    let once = doc! { "$setOnInsert": { "retired_at": databases.clock.now() } };
    databases
        .retired_collection_names
        .update_one(name, once)
        .upsert(true)
        .await?;
    Ok(())
}
