//! The stored versions of what a tenant starts with, and the tenants that have an older one.

use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::error::Error;

use super::{Databases, Following};
use crate::model::{OrganizationId, ProductVersion};
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

    /// Fails if the number exists.
    pub(crate) async fn insert_product_version(
        &self,
        version: &ProductVersion,
    ) -> Result<(), Error> {
        self.product_versions.insert_one(version).await.map(drop)
    }

    /// New tenants start with this version from now on, unless a newer one is published. Returns when it was published first.
    pub(crate) async fn publish_product_version(&self, number: i64) -> Result<DateTime, Error> {
        let now = self.clock.now();
        let unpublished = doc! { "_id": number, "published_at": Bson::Null };
        let publish = doc! { "$set": { "published_at": now } };
        let publishing = self.product_versions.update_one(unpublished, publish);
        publishing.await?;
        let published = self.product_versions.find_one(doc! { "_id": number });
        let published = published.await?.and_then(|version| version.published_at);
        Ok(published.unwrap_or(now))
    }

    /// How many organizations have an older version, or none.
    pub(crate) async fn count_older(&self, number: i64) -> Result<u64, Error> {
        self.organizations.count_documents(older_than(number)).await
    }

    /// At most `count` organizations with an older version or none, in the order of their ids.
    pub(crate) async fn older_after(
        &self,
        number: i64,
        after: Option<OrganizationId>,
        count: i64,
    ) -> Result<Vec<Following>, Error> {
        self.organizations_after(after, older_than(number), count)
            .await
    }
}

fn older_than(number: i64) -> Document {
    doc! { "product_version": { "$not": { "$gte": number } } }
}
