//! The tenants' data: the only file that uses the tenants' database. The tenant handle, onboarding and the purge reach
//! it through here.

use std::collections::HashSet;

use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use mongodb::{ClientSession, Collection, Database};
use serde::Deserialize;

use super::{Databases, NAMES_PER_QUERY};
use crate::model::{Cell, Organization, Placement, PlacementMode, ProductVersion};
use crate::mongo::{collect, error_code};
use crate::values::CollectionName;

/// Server errors that say that an index or its collection does not exist.
const NO_INDEX: [i32; 2] = [26, 27];

/// Where a tenant's data is: a collection of a database of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct TenantLocation {
    database: Database,
    collection_name: CollectionName,
}

impl Databases {
    /// Resolves a placement. All access to a tenant's data goes through the result.
    pub(crate) fn locate(&self, placement: Placement, name: &CollectionName) -> TenantLocation {
        let database = match (placement.cell(), placement.mode()) {
            (Cell::Home, PlacementMode::Dedicated) => self.tenants.clone(),
        };
        TenantLocation {
            database,
            collection_name: name.clone(),
        }
    }

    pub(crate) fn location_of(&self, organization: &Organization) -> TenantLocation {
        self.locate(organization.placement, &organization.collection_name)
    }

    pub(super) fn database_of_tenants(&self) -> &str {
        self.tenants.name()
    }

    /// Names of collections in the tenants' database that no organization has.
    pub(crate) async fn unknown_tenant_collections(&self) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Named {
            collection_name: String,
        }
        let organizations = self.organizations.clone_with_type::<Named>();
        let names = self.tenants.list_collection_names().await?;
        let mut unknown = Vec::new();
        for names in names.chunks(NAMES_PER_QUERY) {
            let known = organizations
                .find(doc! { "collection_name": { "$in": names } })
                .projection(doc! { "collection_name": 1, "_id": 0 });
            let known = collect(known.await?).await?.into_iter();
            let known: HashSet<_> = known.map(|known| known.collection_name).collect();
            let names = names.iter().filter(|name| !known.contains(*name));
            unknown.extend(names.cloned());
        }
        Ok(unknown)
    }

    /// Drops a collection of the tenants' database that belongs to no organization.
    pub(crate) async fn drop_unknown_tenant_collection(&self, name: &str) -> Result<(), Error> {
        self.tenants.collection::<Document>(name).drop().await
    }

    /// Lists the tenants' collections, and finds none.
    pub(super) async fn probe_tenants(&self) -> Result<(), Error> {
        let nothing = self
            .tenants
            .list_collection_names()
            .filter(doc! { "name": "" });
        nothing.await.map(drop)
    }
}

impl TenantLocation {
    pub fn database_name(&self) -> &str {
        self.database.name()
    }

    pub fn collection_name(&self) -> &str {
        self.collection_name.as_str()
    }

    pub fn collection<T: Send + Sync>(&self) -> Collection<T> {
        self.database.collection(self.collection_name.as_str())
    }

    /// Creates the collection of a new tenant, with what the product's version declares. Fails if it exists.
    pub async fn create(
        &self,
        version: Option<&ProductVersion>,
        transaction: &mut ClientSession,
    ) -> Result<(), Error> {
        let name = self.collection_name.as_str();
        let creating = self.database.create_collection(name);
        creating.session(&mut *transaction).await?;
        let Some(version) = version else {
            return Ok(());
        };
        // In a transaction, MongoDB creates indexes of empty collections only.
        if !version.indexes.is_empty() {
            let creating = doc! { "createIndexes": name, "indexes": &version.indexes };
            let creating = self.database.run_command(creating);
            creating.session(&mut *transaction).await?;
        }
        if !version.seeds.is_empty() {
            let inserting = doc! { "insert": name, "documents": &version.seeds };
            let inserting = self.database.run_command(inserting).session(transaction);
            refuse_write_errors(&inserting.await?)?;
        }
        Ok(())
    }

    /// `indexes` as in the command `createIndexes`.
    pub async fn create_indexes(&self, indexes: &[Document]) -> Result<(), Error> {
        if indexes.is_empty() {
            return Ok(());
        }
        let name = self.collection_name.as_str();
        let creating = doc! { "createIndexes": name, "indexes": indexes };
        self.database.run_command(creating).await.map(drop)
    }

    /// Succeeds if the index does not exist.
    pub async fn drop_index(&self, name: &str) -> Result<(), Error> {
        match self.collection::<Document>().drop_index(name).await {
            Err(error) if error_code(&error).is_some_and(|code| NO_INDEX.contains(&code)) => Ok(()),
            dropped => dropped,
        }
    }

    /// Inserts the document, unless one with its `_id` and kind exists. Fails if one of another kind does.
    pub async fn insert_if_missing(&self, document: &Document) -> Result<(), Error> {
        let same = doc! { "_id": document.get("_id"), "_kind": document.get("_kind") };
        let collection = self.collection::<Document>();
        let inserting = collection.update_one(same, doc! { "$setOnInsert": document });
        inserting.upsert(true).await.map(drop)
    }

    pub async fn exists(&self) -> Result<bool, Error> {
        let filter = doc! { "name": self.collection_name.as_str() };
        let listing = self.database.list_collection_names().filter(filter);
        Ok(!listing.await?.is_empty())
    }

    /// Succeeds if the collection does not exist.
    pub async fn drop(&self) -> Result<(), Error> {
        self.collection::<Document>().drop().await
    }
}

/// Fails if the response to a command names documents that were not written. Commands, unlike the driver's methods, succeed
/// then.
fn refuse_write_errors(response: &Document) -> Result<(), Error> {
    let Ok(errors) = response.get_array("writeErrors") else {
        return Ok(());
    };
    let first = errors.first().and_then(Bson::as_document);
    let message = first.and_then(|first| first.get_str("errmsg").ok());
    Err(Error::custom(message.unwrap_or_default().to_owned()))
}
