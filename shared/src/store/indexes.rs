//! The control plane's indexes. Every query of a function or job uses one.
//!
//! Onboarding creates them before the first organization. The purge creates those that a later version of the service
//! adds.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use mongodb::options::IndexOptions;
use mongodb::{Collection, IndexModel};

use super::{Databases, index};
use crate::mongo::ConnectError;

impl Databases {
    /// Stores the schema version and creates the indexes and their collections, once per process. Safe to repeat, and to
    /// run in several processes at the same time.
    pub(crate) async fn prepare_once(&self) -> Result<(), ConnectError> {
        let preparing = async || {
            self.store_schema_version().await?;
            tokio::try_join!(self.create_indexes(), self.create_product_access())?;
            Ok(())
        };
        self.prepared.get_or_try_init(preparing).await.map(drop)
    }

    async fn create_indexes(&self) -> Result<(), Error> {
        tokio::try_join!(
            make(
                &self.organizations,
                vec![
                    unique(index::NAME_KEY),
                    unique(index::COLLECTION_NAME),
                    sparse(doc! { "deleted.purge_at": 1 })
                ]
            ),
            make(
                &self.accounts,
                vec![
                    unique(index::ADDRESSES),
                    sparse(doc! { "previous.reserved_until": 1 })
                ]
            ),
            make(
                &self.memberships,
                vec![
                    unique_together(doc! { "organization_id": 1, "account_id": 1 }),
                    plain(doc! { "account_id": 1 })
                ]
            ),
            make(&self.rate_limits, vec![expiring()]),
            make(
                &self.idempotency_records,
                vec![expiring(), plain(doc! { "organization_id": 1 })]
            ),
            make(
                &self.one_time_tokens,
                vec![expiring(), plain(doc! { "account_id": 1 })]
            ),
            make(
                &self.outbox,
                vec![
                    expiring(),
                    sparse(doc! { "priority": 1, "next_attempt_at": 1 })
                ]
            ),
            make(&self.tombstones, vec![plain(doc! { "purged_at": 1 })]),
            make(
                &self.sessions,
                vec![
                    expiring(),
                    of_account(),
                    of_organization(),
                    // Lists the sessions of an account.
                    plain(doc! { "account_id": 1, "account_epoch": 1, "_id": -1 })
                ]
            ),
            make(
                &self.audit_events,
                vec![
                    expiring(),
                    plain(doc! { "organization_ids": 1, "at": -1, "_id": -1 }),
                    plain(doc! { "organization_ids": 1, "account_id": 1, "at": -1, "_id": -1 })
                ]
            ),
        )?;
        Ok(())
    }
}

/// Finds live sessions of an account in one organization, the most recently refreshed ones first.
fn of_account() -> IndexModel {
    plain(doc! {
        "account_id": 1,
        "account_epoch": 1,
        "membership_id": 1,
        "organization_epoch": 1,
        "refreshed_at": -1,
        "expires_at": 1,
    })
}

/// Finds live sessions in an organization.
fn of_organization() -> IndexModel {
    plain(doc! { "organization_id": 1, "organization_epoch": 1, "expires_at": 1 })
}

pub(super) async fn make<T: Send + Sync>(
    collection: &Collection<T>,
    indexes: Vec<IndexModel>,
) -> Result<(), Error> {
    collection.create_indexes(indexes).await.map(drop)
}

fn unique(field: &str) -> IndexModel {
    let options = IndexOptions::builder().unique(true).name(field.to_owned());
    model(doc! { field: 1 }, options.build())
}

/// No two documents have the same values of all `keys`.
fn unique_together(keys: Document) -> IndexModel {
    model(keys, IndexOptions::builder().unique(true).build())
}

/// MongoDB deletes documents some time after their `expires_at`.
fn expiring() -> IndexModel {
    let options = IndexOptions::builder()
        .name("expires_at".to_owned())
        .expire_after(Duration::ZERO);
    model(doc! { "expires_at": 1 }, options.build())
}

/// Finds documents by `keys`.
pub(super) fn plain(keys: Document) -> IndexModel {
    model(keys, IndexOptions::default())
}

/// Like [`plain`], without the documents that lack a key.
fn sparse(keys: Document) -> IndexModel {
    model(keys, IndexOptions::builder().sparse(true).build())
}

pub(super) fn model(keys: Document, options: IndexOptions) -> IndexModel {
    IndexModel::builder().keys(keys).options(options).build()
}
