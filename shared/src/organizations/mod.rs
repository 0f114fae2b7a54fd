//! Organizations: the tenants, each with a name of its own and a collection of its own.

mod collection_name;
mod idempotency;
mod name;
mod onboarding;
mod rename;

use mongodb::bson::DateTime;
use mongodb::bson::oid::ObjectId;
use serde::{Deserialize, Serialize};

pub use collection_name::CollectionName;
pub use idempotency::Onboarding;
pub use name::OrganizationName;
pub use onboarding::{Caller, NewOrganization, onboard};
pub use rename::rename;

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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationStatus {
    Active,
    Suspended,
}
