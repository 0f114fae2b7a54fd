//! The version of the stored documents' shape. It is stored before the first organization, and checked by each new
//! connection.

use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use mongodb::options::ReturnDocument;

use super::databases::{Databases, SCHEMA};
use crate::mongo::{ConnectError, SchemaMismatch};

/// The only document of the collection.
const ID: &str = "version";
/// The version that this service reads and writes. A change of stored documents that an earlier version of the service
/// cannot read, or that needs a migration, increases it: see `docs/operations.md`.
const VERSION: i64 = 1;

/// The command that reads the stored version.
pub(super) fn find_version() -> Document {
    doc! { "find": SCHEMA, "filter": { "_id": ID }, "limit": 1, "singleBatch": true }
}

impl Databases {
    /// Refuses data of another version. `response` is that to [`find_version`].
    pub(super) async fn check_schema(&self, response: &Document) -> Result<(), ConnectError> {
        let found = response.get_document("cursor").ok();
        let found =
            found.and_then(|cursor| cursor.get_array("firstBatch").ok()?.first()?.as_document());
        if let Some(found) = found {
            return Ok(compare(found)?);
        }
        // No version: the database is new, or older than versions.
        let organizations = self.organizations.clone_with_type::<Document>();
        if organizations.find_one(doc! {}).await?.is_none() {
            return Ok(());
        }
        // Another process may have stored version and organization meanwhile.
        let stored = self.schema.find_one(doc! { "_id": ID }).await?;
        Ok(compare(&stored.unwrap_or_default())?)
    }

    /// Stores the version in a new database. Refuses data of another version, which another process may have stored
    /// since this one started.
    pub(super) async fn store_schema_version(&self) -> Result<(), ConnectError> {
        let new = doc! { "$setOnInsert": { "version": VERSION } };
        let storing = self.schema.find_one_and_update(doc! { "_id": ID }, new);
        let storing = storing.upsert(true).return_document(ReturnDocument::After);
        let stored: Result<_, Error> = storing.await;
        Ok(compare(&stored?.unwrap_or_default())?)
    }
}

fn compare(stored: &Document) -> Result<(), SchemaMismatch> {
    let version = match stored.get("version") {
        Some(Bson::Int32(version)) => i64::from(*version),
        Some(Bson::Int64(version)) => *version,
        _ => 0,
    };
    match version {
        VERSION => Ok(()),
        older if older < VERSION => Err(SchemaMismatch::Older),
        _ => Err(SchemaMismatch::Newer),
    }
}
