//! The application of a version to one tenant's collection.

use std::time::Duration;

use mongodb::bson::doc;
use tokio::time::Instant;

use super::error::RolloutError;
use super::history::History;
use crate::model::{Organization, OrganizationId, Placement, ProductVersion};
use crate::mongo::{TransactionError, error_message, run_transaction};
use crate::store::Databases;
use crate::store::locks::LockedOrganization;
use crate::values::CollectionName;

const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);

/// Does in a transaction what onboarding does with the version, and aborts it.
pub(super) async fn try_in_new_collection(
    databases: &Databases,
    version: &ProductVersion,
) -> Result<(), RolloutError> {
    struct Succeeded;
    let name = CollectionName::of_id(&OrganizationId::generate().to_hex());
    let location = &databases.locate(Placement::NEW, &name);
    let deadline = Instant::now() + TRANSACTION_TIMEOUT;
    let trying = run_transaction(&databases.client, deadline, |transaction, _| {
        Box::pin(async move {
            location.create(Some(version), transaction).await?;
            Err::<(), _>(TransactionError::Aborted(Succeeded))
        })
    });
    match trying.await {
        Ok(()) | Err(TransactionError::Aborted(Succeeded)) => Ok(()),
        Err(TransactionError::Mongo(error)) => Err(RolloutError::Refused(error_message(&error))),
        Err(TransactionError::DeadlineExceeded) => Err(RolloutError::TooSlow),
    }
}

/// Brings a tenant up to the version. Safe to repeat: a tenant has a version once all of it is there.
///
/// A purge may drop the collection meanwhile. The sweep removes what is then created anew.
pub(super) async fn apply(
    databases: &Databases,
    organization: &Organization,
    version: &ProductVersion,
    history: &History,
) -> Result<(), RolloutError> {
    let from = organization.product_version;
    if from >= Some(version.number) {
        return Ok(());
    }
    let location = databases.location_of(organization);
    for name in history.stale_indexes(version, from) {
        location.drop_index(&name).await?;
    }
    location.create_indexes(&version.indexes).await?;
    for seed in history.new_seeds(version, from) {
        location.insert_if_missing(seed).await?;
    }
    store_version(databases, organization.id, version.number).await
}

async fn store_version(
    databases: &Databases,
    id: OrganizationId,
    number: i64,
) -> Result<(), RolloutError> {
    let deadline = Instant::now() + TRANSACTION_TIMEOUT;
    let storing = run_transaction(&databases.client, deadline, |transaction, _| {
        Box::pin(async move {
            // None: it was purged.
            if let Some(mut organization) =
                LockedOrganization::lock(databases, id, transaction).await?
            {
                let version = doc! { "$max": { "product_version": number } };
                organization.update(version).await?;
            }
            Ok::<_, TransactionError<RolloutError>>(())
        })
    });
    Ok(storing.await?)
}
