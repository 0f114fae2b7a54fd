//! A document of `product_events`: something that a product reports with a MongoDB user of its own.

use mongodb::bson::DateTime;
use mongodb::bson::oid::ObjectId;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{AccountId, OrganizationId};

/// A document of `product_events`. A validator of the collection requires this shape.
#[derive(Debug, Deserialize)]
pub(crate) struct ProductEvent {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    pub organization_id: OrganizationId,
    /// The account that acted, as the authorizer named it.
    pub admin_id: Option<AccountId>,
    /// `<product>.<name>`
    pub action: String,
    #[serde(default)]
    pub details: Map<String, Value>,
    pub at: DateTime,
}
