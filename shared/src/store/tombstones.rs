//! What remains of purged organizations.

use std::collections::{HashMap, HashSet};

use mongodb::ClientSession;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::error::Error;
use serde::Deserialize;

use super::{Databases, NAMES_PER_QUERY};
use crate::model::{OrganizationId, Tombstone};
use crate::mongo::collect;
use crate::values::CollectionNameHash;

impl Databases {
    /// Inserts a tombstone. A purge that is repeated replaces it.
    pub(crate) async fn insert_tombstone(&self, tombstone: &Tombstone) -> Result<(), Error> {
        let id = doc! { "_id": tombstone.collection_name_hash.as_str() };
        let inserting = self.tombstones.replace_one(id, tombstone).upsert(true);
        inserting.await.map(drop)
    }

    /// Those of the names that a purged collection had.
    pub(crate) async fn with_tombstones(&self, names: &[String]) -> Result<HashSet<String>, Error> {
        let mut purged = HashSet::new();
        for names in names.chunks(NAMES_PER_QUERY) {
            let hash = |name: &String| CollectionNameHash::of(name).as_str().to_owned();
            let by_hash: HashMap<_, _> = names.iter().map(|name| (hash(name), name)).collect();
            let hashes: Vec<_> = by_hash.keys().collect();
            let tombstones = self.tombstones.clone_with_type::<Document>();
            let found = tombstones.find(doc! { "_id": { "$in": hashes } });
            for tombstone in collect(found.await?).await? {
                let name = tombstone.get_str("_id").ok();
                purged.extend(
                    name.and_then(|hash| by_hash.get(hash))
                        .map(|name| (*name).clone()),
                );
            }
        }
        Ok(purged)
    }

    /// Whether the name was that of a purged collection, as the transaction sees it.
    pub(crate) async fn has_tombstone(
        &self,
        name: &CollectionNameHash,
        transaction: &mut ClientSession,
    ) -> Result<bool, Error> {
        let finding = self.tombstones.find_one(doc! { "_id": name.as_str() });
        Ok(finding.session(transaction).await?.is_some())
    }

    /// Organizations that were purged after `time`. Those that exist are left out: their purge is not complete, or they
    /// were restored from a backup.
    pub(crate) async fn purged_since(&self, time: DateTime) -> Result<Vec<OrganizationId>, Error> {
        #[derive(Deserialize)]
        struct Existing {
            #[serde(rename = "_id")]
            id: OrganizationId,
        }
        let recent = self.tombstones.find(doc! { "purged_at": { "$gt": time } });
        let recent = collect(recent.await?).await?.into_iter();
        let mut purged: Vec<_> = recent.map(|recent| recent.organization_id).collect();
        let organizations = self.organizations.clone_with_type::<Existing>();
        let existing = organizations
            .find(doc! { "_id": { "$in": &purged } })
            .projection(doc! { "_id": 1 });
        let existing = collect(existing.await?).await?.into_iter();
        let existing: HashSet<_> = existing.map(|existing| existing.id).collect();
        purged.retain(|id| !existing.contains(id));
        Ok(purged)
    }
}
