//! What remains of purged organizations.

use std::collections::HashSet;

use mongodb::ClientSession;
use mongodb::bson::{DateTime, doc};
use mongodb::error::Error;
use serde::Deserialize;

use super::{Databases, collect};
use crate::model::{OrganizationId, Tombstone};
use crate::values::CollectionNameHash;

impl Databases {
    /// Inserts a tombstone, unless there is one for this name.
    pub(crate) async fn insert_tombstone(&self, tombstone: &Tombstone) -> Result<(), Error> {
        let id = doc! { "_id": tombstone.collection_name_hash.as_str() };
        let new = doc! { "$setOnInsert": {
            "organization_id": tombstone.organization_id,
            "purged_at": tombstone.purged_at,
        } };
        let inserting = self.tombstones.update_one(id, new).upsert(true);
        inserting.await.map(drop)
    }

    /// Whether the name was that of a purged collection.
    pub(crate) async fn has_tombstone(&self, name: &CollectionNameHash) -> Result<bool, Error> {
        let finding = self.tombstones.find_one(doc! { "_id": name.as_str() });
        Ok(finding.await?.is_some())
    }

    /// Like [`Self::has_tombstone`], as the transaction sees it.
    pub(crate) async fn reads_tombstone(
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
