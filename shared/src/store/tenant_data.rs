//! The tenants' database: the only file that names it. The tenant handle, onboarding and purge reach it through here.

use mongodb::bson::{Binary, doc};
use mongodb::error::Error;
use mongodb::{ClientSession, Collection};

use super::Databases;
use crate::values::CollectionName;

impl Databases {
    /// The collection of the tenant with this name.
    pub(crate) fn tenant_collection<T: Send + Sync>(&self, name: &CollectionName) -> Collection<T> {
        self.tenants.collection(name.as_str())
    }

    /// Creates the collection of a new tenant. Fails if it exists.
    pub(crate) async fn create_tenant_collection(
        &self,
        name: &CollectionName,
        transaction: &mut ClientSession,
    ) -> Result<(), Error> {
        let creating = self.tenants.create_collection(name.as_str());
        creating.session(transaction).await
    }

    pub(crate) async fn tenant_collection_exists(
        &self,
        name: &CollectionName,
    ) -> Result<bool, Error> {
        let filter = doc! { "name": name.as_str() };
        let listing = self.tenants.list_collection_names().filter(filter);
        Ok(!listing.await?.is_empty())
    }

    /// The UUID of the collection with this name. None if it does not exist.
    pub(crate) async fn tenant_collection_uuid(&self, name: &str) -> Result<Option<Binary>, Error> {
        let filter = doc! { "name": name };
        let mut found = self.tenants.list_collections().filter(filter).await?;
        Ok(match found.advance().await? {
            true => found.deserialize_current()?.info.uuid,
            false => None,
        })
    }

    /// Succeeds if the collection does not exist.
    pub(crate) async fn drop_tenant_collection(&self, name: &str) -> Result<(), Error> {
        self.tenants.collection::<()>(name).drop().await
    }

    /// Lists the tenants' collections, and finds none.
    pub(super) async fn probe_tenants(&self) -> Result<(), Error> {
        self.tenant_collection_uuid("").await.map(drop)
    }
}
