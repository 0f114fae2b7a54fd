//! A document of `product_versions`: what a tenant starts with, as the product declares it.

use mongodb::bson::{DateTime, Document};
use serde::{Deserialize, Serialize};

/// A document of `product_versions`. Its indexes and seeds have the form in which a tenant's collection stores them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProductVersion {
    #[serde(rename = "_id")]
    pub number: i64,
    /// The name that begins the product's audit actions.
    pub product: String,
    /// As in the command `createIndexes`.
    pub(crate) indexes: Vec<Document>,
    pub(crate) seeds: Vec<Document>,
    /// New tenants start with the newest published version. None: it was applied to chosen tenants only.
    pub published_at: Option<DateTime>,
}
