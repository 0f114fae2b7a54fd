//! Reads all documents of a cursor.

use mongodb::Cursor;
use mongodb::error::Error;
use serde::de::DeserializeOwned;

use super::log_error;

/// All documents.
pub async fn collect<T: DeserializeOwned>(mut cursor: Cursor<T>) -> Result<Vec<T>, Error> {
    let mut documents = Vec::new();
    while cursor.advance().await? {
        documents.push(cursor.deserialize_current()?);
    }
    Ok(documents)
}

/// All documents that can be read. The others are logged.
pub async fn collect_readable<T: DeserializeOwned>(mut cursor: Cursor<T>) -> Result<Vec<T>, Error> {
    let mut documents = Vec::new();
    while cursor.advance().await? {
        match cursor.deserialize_current() {
            Ok(document) => documents.push(document),
            Err(error) => {
                log_error(&error);
                let id = cursor.current().get_object_id("_id").ok();
                let id = id.map(|id| id.to_hex());
                tracing::error!(id, "a document cannot be read");
            }
        }
    }
    Ok(documents)
}
