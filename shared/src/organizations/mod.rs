//! Organizations: the tenants, each with a name of its own and a collection of its own.

mod capacity;
mod collection_name;
mod deletion;
mod idempotency;
mod name;
mod onboarding;
mod purge;
mod rename;
mod representation;
mod restoration;
mod tenant_collection;

use mongodb::bson::DateTime;
use mongodb::bson::oid::ObjectId;
use serde::{Deserialize, Serialize};

pub use collection_name::CollectionName;
pub use deletion::delete;
pub use idempotency::Onboarding;
pub use name::OrganizationName;
pub use onboarding::{Caller, NewOrganization, onboard};
pub use purge::{Purge, purge_deleted};
pub use rename::rename;
pub use representation::OrganizationBody;
pub use restoration::restore;
pub use tenant_collection::TenantCollection;

/// A document of `organizations`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Organization {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// As typed, see [`OrganizationName`].
    pub name: String,
    /// Unique; see [`OrganizationName::key`].
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
