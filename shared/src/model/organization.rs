//! A document of `organizations`: a tenant.

use mongodb::bson::DateTime;
use serde::{Deserialize, Serialize};

use super::organization_state::{Deletion, Holds};
use super::{OrganizationId, Placement};
use crate::values::{CollectionName, OrganizationName};

/// A document of `organizations`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Organization {
    #[serde(rename = "_id")]
    pub id: OrganizationId,
    /// As typed, see [`OrganizationName`].
    pub name: String,
    /// Unique; see [`OrganizationName::key`].
    pub name_key: String,
    /// Unique, and never changed.
    pub collection_name: CollectionName,
    pub placement: Placement,
    /// The last [`ProductVersion`](super::ProductVersion) that was applied to the tenant's collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) product_version: Option<i64>,
    /// Only sessions of the current epoch are alive. Closing the organization begins the next one.
    pub(crate) epoch: i64,
    /// The number of memberships with the role owner.
    pub(crate) owners: i64,
    /// Increases with each transaction that locks the organization, and orders their events. It can have gaps.
    pub(crate) sequence: i64,
    /// The organization is closed while there is any.
    pub(crate) holds: Holds,
    /// The organization is closed while it is set.
    pub(crate) deleted: Option<Deletion>,
    pub created_at: DateTime,
    pub updated_at: DateTime,
}

impl Organization {
    /// An open organization with one owner.
    pub(crate) fn new(
        id: OrganizationId,
        name: &OrganizationName,
        collection_name: CollectionName,
        now: DateTime,
    ) -> Self {
        Self {
            id,
            name: name.as_str().to_owned(),
            name_key: name.key().to_owned(),
            collection_name,
            placement: Placement::NEW,
            product_version: None,
            epoch: 0,
            owners: 1,
            sequence: 1,
            holds: Holds::default(),
            deleted: None,
            created_at: now,
            updated_at: now,
        }
    }

    pub fn is_open(&self) -> bool {
        self.holds.is_empty() && self.deleted.is_none()
    }
}
