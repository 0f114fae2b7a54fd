//! The application of a version to one tenant's collection.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use tokio::time::Instant;

use super::error::RolloutError;
use super::history::{History, index_name};
use crate::model::{Organization, OrganizationId, Placement, ProductVersion};
use crate::mongo::{TransactionError, error_code, error_message, run_transaction};
use crate::store::locks::LockedOrganization;
use crate::store::{Databases, TenantLocation};
use crate::values::CollectionName;

/// Onboarding has twice as long, and computes a hash in it.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(5);
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);
/// The server's error for an index whose keys another index has.
const SAME_KEYS: i32 = 85;

/// Does in a transaction what onboarding does with the version, and aborts it.
pub(super) async fn try_in_new_collection(
    databases: &Databases,
    version: &ProductVersion,
) -> Result<(), RolloutError> {
    struct Succeeded;
    let name = CollectionName::of_id(&OrganizationId::generate().to_hex());
    let location = &databases.locate(Placement::NEW, &name);
    let deadline = Instant::now() + TRIAL_TIMEOUT;
    let trying = run_transaction(&databases.client, deadline, |transaction, _| {
        Box::pin(async move {
            location.create(Some(version), transaction).await?;
            Err::<(), _>(TransactionError::Aborted(Succeeded))
        })
    });
    match trying.await {
        Ok(()) | Err(TransactionError::Aborted(Succeeded)) => Ok(()),
        Err(TransactionError::Mongo(error)) if error_code(&error).is_some() => {
            Err(RolloutError::Refused(error_message(&error)))
        }
        Err(TransactionError::Mongo(error)) => Err(error.into()),
        Err(TransactionError::DeadlineExceeded) => Err(RolloutError::TooSlowForOnboarding),
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
    let location = databases.location_of(organization);
    let stale = history.stale_indexes(version, from);
    replace_indexes(&location, &stale, &version.indexes).await?;
    for seed in history.new_seeds(version, from) {
        location.insert_if_missing(seed).await?;
    }
    store_version(databases, organization.id, version.number).await
}

/// New indexes are created before the `stale` ones are dropped: if the data violates one, the tenant keeps what it had. That
/// is not possible where a stale index has the name or the keys of a new one.
async fn replace_indexes(
    location: &TenantLocation,
    stale: &[String],
    indexes: &[Document],
) -> Result<(), RolloutError> {
    let is_stale = |name: &str| stale.iter().any(|stale| stale == name);
    let is_new = |index: &&Document| !index_name(index).is_some_and(is_stale);
    let new: Vec<_> = indexes.iter().filter(is_new).cloned().collect();
    match location.create_indexes(&new).await {
        Err(error) if error_code(&error) == Some(SAME_KEYS) => {}
        created => created?,
    }
    for name in stale {
        location.drop_index(name).await?;
    }
    Ok(location.create_indexes(indexes).await?)
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
