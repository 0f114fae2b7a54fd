//! A document of `product_events`: something that a product reports with a MongoDB user of its own.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{AccountId, OrganizationId};
use crate::clock::date_time;

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
    details: Document,
    pub at: DateTime,
}

impl ProductEvent {
    /// As JSON: dates in the format of RFC 3339, ids in hexadecimal digits, and other types that JSON lacks as text.
    pub fn json_details(&self) -> Map<String, Value> {
        json_object(&self.details)
    }
}

fn json_object(document: &Document) -> Map<String, Value> {
    let fields = document.iter();
    fields
        .map(|(name, value)| (name.clone(), json(value)))
        .collect()
}

fn json(value: &Bson) -> Value {
    match value {
        Bson::Null => Value::Null,
        Bson::Boolean(value) => (*value).into(),
        Bson::Int32(value) => (*value).into(),
        Bson::Int64(value) => (*value).into(),
        // Null if it is infinite or not a number.
        Bson::Double(value) => (*value).into(),
        Bson::String(value) => value.as_str().into(),
        Bson::Array(values) => values.iter().map(json).collect(),
        Bson::Document(document) => json_object(document).into(),
        Bson::DateTime(moment) => date_time(*moment).into(),
        Bson::ObjectId(id) => id.to_hex().into(),
        other => other.to_string().into(),
    }
}
