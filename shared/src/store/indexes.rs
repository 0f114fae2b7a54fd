//! The control plane's indexes. Every query of a function or job uses one.
//!
//! Onboarding creates them before the first organization. The purge creates them for databases of earlier versions.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use mongodb::options::IndexOptions;
use mongodb::{Collection, IndexModel};

use super::{Databases, index};

impl Databases {
    /// Creates the indexes and their collections, once per process. Safe to repeat, and to run in several processes at
    /// the same time.
    pub(crate) async fn create_indexes_once(&self) -> Result<(), Error> {
        let making = async || {
            let made = tokio::try_join!(
                make(
                    &self.organizations,
                    vec![
                        unique(index::NAME_KEY),
                        unique(index::COLLECTION_NAME),
                        sparse(doc! { "purge_at": 1 })
                    ]
                ),
                make(
                    &self.admins,
                    vec![
                        unique(index::EMAIL_KEY),
                        plain(doc! { "organization_id": 1 })
                    ]
                ),
                make(&self.attempts, vec![expiring()]),
                make(
                    &self.onboardings,
                    vec![expiring(), plain(doc! { "organization_id": 1 })]
                ),
                make(
                    &self.retired_collection_names,
                    vec![plain(doc! { "retired_at": 1 })]
                ),
                make(
                    &self.sessions,
                    vec![
                        expiring(),
                        plain(
                            doc! { "organization_id": 1, "admin_id": 1, "epoch": 1, "refreshed_at": -1, "expires_at": 1 }
                        )
                    ]
                ),
                make(
                    &self.audit_events,
                    vec![
                        expiring(),
                        plain(doc! { "organization_id": 1, "at": -1, "_id": -1 })
                    ]
                ),
            );
            made.map(drop)
        };
        self.indexes.get_or_try_init(making).await?;
        Ok(())
    }
}

async fn make<T: Send + Sync>(
    collection: &Collection<T>,
    indexes: Vec<IndexModel>,
) -> Result<(), Error> {
    collection.create_indexes(indexes).await.map(drop)
}

fn unique(field: &str) -> IndexModel {
    let options = IndexOptions::builder().unique(true).name(field.to_owned());
    model(doc! { field: 1 }, options.build())
}

/// MongoDB deletes documents some time after their `expires_at`.
fn expiring() -> IndexModel {
    let options = IndexOptions::builder()
        .name("expires_at".to_owned())
        .expire_after(Duration::ZERO);
    model(doc! { "expires_at": 1 }, options.build())
}

/// Finds documents by `keys`.
fn plain(keys: Document) -> IndexModel {
    model(keys, IndexOptions::default())
}

/// Like [`plain`], without the documents that lack a key.
fn sparse(keys: Document) -> IndexModel {
    model(keys, IndexOptions::builder().sparse(true).build())
}

fn model(keys: Document, options: IndexOptions) -> IndexModel {
    IndexModel::builder().keys(keys).options(options).build()
}
