//! Reads documents.

use mongodb::Collection;
use mongodb::bson::{Document, doc};

/// Returns all documents in `collection`.
pub async fn all(collection: Collection<Document>) -> Vec<Document> {
    let mut cursor = collection.find(doc! {}).await.unwrap();
    let mut documents = Vec::new();
    while cursor.advance().await.unwrap() {
        documents.push(cursor.deserialize_current().unwrap());
    }
    documents
}
