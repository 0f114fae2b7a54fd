//! A document of `organizations`: the tenants.

use mongodb::bson::DateTime;
use mongodb::bson::oid::ObjectId;
use serde::{Deserialize, Serialize};

use crate::values::CollectionName;

/// A document of `organizations`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Organization {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// As typed, see [`OrganizationName`](crate::values::OrganizationName).
    pub name: String,
    /// Unique; see [`OrganizationName::key`](crate::values::OrganizationName::key).
    pub name_key: String,
    /// Unique, and never changed.
    pub collection_name: CollectionName,
    pub status: OrganizationStatus,
    pub created_at: DateTime,
    pub updated_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<DateTime>,
    /// Until then a deleted organization can be restored; from then on it is purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge_at: Option<DateTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationStatus {
    Active,
    Suspended,
    /// By its admin, who can restore it for some time.
    Deleted,
    /// Its data is being removed.
    Purging,
}
