//! The stored versions of what a tenant starts with, and the tenants that have an older one.

use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;

use super::Databases;
use crate::model::ProductVersion;
use crate::mongo::collect;

impl Databases {
    /// What a new tenant starts with.
    pub(crate) async fn published_product_version(&self) -> Result<Option<ProductVersion>, Error> {
        let published = doc! { "published_at": { "$type": "date" } };
        let newest = self.product_versions.find_one(published);
        newest.sort(doc! { "_id": -1 }).await
    }

    /// All stored versions, by number.
    pub(crate) async fn product_versions(&self) -> Result<Vec<ProductVersion>, Error> {
        let stored = self.product_versions.find(doc! {});
        collect(stored.sort(doc! { "_id": 1 }).await?).await
    }

    pub(crate) async fn newest_product_version(&self) -> Result<Option<i64>, Error> {
        let versions = self.product_versions.clone_with_type::<Document>();
        let newest = versions.find_one(doc! {}).projection(doc! { "_id": 1 });
        let newest = newest.sort(doc! { "_id": -1 }).await?;
        Ok(newest.and_then(|newest| newest.get_i64("_id").ok()))
    }

    /// Fails if the number exists.
    pub(crate) async fn insert_product_version(
        &self,
        version: &ProductVersion,
    ) -> Result<(), Error> {
        self.product_versions.insert_one(version).await.map(drop)
    }

    /// New tenants start with this version from now on, unless a newer one is published.
    pub(crate) async fn publish_product_version(&self, number: i64) -> Result<(), Error> {
        let unpublished = doc! { "_id": number, "published_at": Bson::Null };
        let publish = doc! { "$set": { "published_at": self.clock.now() } };
        let publishing = self.product_versions.update_one(unpublished, publish);
        publishing.await.map(drop)
    }

    /// How many organizations have an older version, or none.
    pub(crate) async fn count_older(&self, number: i64) -> Result<u64, Error> {
        let older = doc! { "product_version": { "$not": { "$gte": number } } };
        self.organizations.count_documents(older).await
    }
}
