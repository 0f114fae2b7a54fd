//! A document of `tombstones`: what remains of a purged organization.

use mongodb::bson::DateTime;
use serde::{Deserialize, Serialize};

use super::OrganizationId;
use crate::values::CollectionNameHash;

/// A document of `tombstones`. It keeps the collection's name from being assigned again, and names what a sweep may
/// remove: a collection that a late write created, and late sessions and events of the organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tombstone {
    /// The name itself is not kept, because it tells who the tenant was.
    #[serde(rename = "_id")]
    pub(crate) collection_name_hash: CollectionNameHash,
    pub(crate) organization_id: OrganizationId,
    pub(crate) purged_at: DateTime,
}
