//! The tenant's data, which is reached only through a handle that [`Caller::tenant`] returns.
//!
//! ```
//! # use axum::http::StatusCode;
//! # use shared::{auth::Caller, http::JsonBody, problem::Problem};
//! # #[derive(serde::Serialize, serde::Deserialize)]
//! # struct Invoice;
//! async fn add_invoice(
//!     caller: Caller,
//!     JsonBody(invoice): JsonBody<Invoice>,
//! ) -> Result<StatusCode, Problem> {
//!     let invoices = caller.tenant().collection::<Invoice>();
//!     invoices.insert_one(&invoice).await?;
//!     Ok(StatusCode::CREATED)
//! }
//! ```
//!
//! A [`mongodb::Collection`] would lead to the client, and so to all other tenants. The handle offers only what stays
//! in the tenant's collection. The following does not compile:
//!
//! ```compile_fail,E0616
//! async fn of_another_tenant(state: &shared::state::AppState) {
//!     let databases = state.mongo.databases().await.unwrap();
//!     databases.tenants.collection::<mongodb::bson::Document>("org_another");
//! }
//! ```
//!
//! ```compile_fail,E0616
//! fn to_the_client(collection: shared::tenant::TenantCollection<mongodb::bson::Document>) {
//!     collection.inner.client();
//! }
//! ```

use mongodb::action::{
    Aggregate, CountDocuments, CreateIndex, Delete, Find, FindOne, FindOneAndUpdate, InsertMany,
    InsertOne, ReplaceOne, Update,
};
use mongodb::bson::Document;
use mongodb::options::UpdateModifications;
use mongodb::{Collection, IndexModel};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::auth::Caller;
use crate::store::TenantLocation;

/// Aggregation stages that read only the aggregated collection, and write nothing.
const PERMITTED_STAGES: &[&str] = &[
    "$addFields",
    "$bucket",
    "$bucketAuto",
    "$count",
    "$densify",
    "$fill",
    "$group",
    "$limit",
    "$match",
    "$project",
    "$redact",
    "$replaceRoot",
    "$replaceWith",
    "$sample",
    "$set",
    "$setWindowFields",
    "$skip",
    "$sort",
    "$sortByCount",
    "$unset",
    "$unwind",
];

/// The data of one tenant.
#[derive(Clone)]
pub struct Tenant {
    location: TenantLocation,
}

/// The tenant's collection, with documents of the type `T`. Methods are those of [`mongodb::Collection`].
#[derive(Clone, Debug)]
pub struct TenantCollection<T: Send + Sync> {
    inner: Collection<T>,
}

/// A stage that could read or write other collections.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an aggregation over a tenant's collection cannot have the stage {0:?}")]
pub struct ForbiddenStage(pub String);

impl Caller {
    /// The data of the caller's organization.
    pub fn tenant(&self) -> Tenant {
        Tenant {
            location: self.databases().location_of(self.organization()),
        }
    }
}

impl Tenant {
    /// The database of the tenant's collection.
    pub fn database_name(&self) -> &str {
        self.location.database_name()
    }

    /// The tenant's collection.
    pub fn collection<T: Send + Sync>(&self) -> TenantCollection<T> {
        TenantCollection {
            inner: self.location.collection(),
        }
    }
}

impl<T: Send + Sync> TenantCollection<T> {
    pub fn name(&self) -> &str {
        self.inner.name()
    }

    pub fn find(&self, filter: Document) -> Find<'_, T> {
        self.inner.find(filter)
    }

    pub fn update_one(
        &self,
        filter: Document,
        update: impl Into<UpdateModifications>,
    ) -> Update<'_> {
        self.inner.update_one(filter, update)
    }

    pub fn update_many(
        &self,
        filter: Document,
        update: impl Into<UpdateModifications>,
    ) -> Update<'_> {
        self.inner.update_many(filter, update)
    }

    pub fn delete_one(&self, filter: Document) -> Delete<'_> {
        self.inner.delete_one(filter)
    }

    pub fn delete_many(&self, filter: Document) -> Delete<'_> {
        self.inner.delete_many(filter)
    }

    pub fn count_documents(&self, filter: Document) -> CountDocuments<'_> {
        self.inner.count_documents(filter)
    }

    pub fn create_index(&self, index: IndexModel) -> CreateIndex<'_> {
        self.inner.create_index(index)
    }

    /// Stages that read or write other collections (`$lookup`, `$unionWith`, `$out`, …) are refused.
    pub fn aggregate(
        &self,
        pipeline: impl IntoIterator<Item = Document>,
    ) -> Result<Aggregate<'_>, ForbiddenStage> {
        let pipeline: Vec<Document> = pipeline.into_iter().collect();
        let mut stages = pipeline.iter().flat_map(Document::keys);
        match stages.find(|stage| !PERMITTED_STAGES.contains(&stage.as_str())) {
            Some(stage) => Err(ForbiddenStage(stage.clone())),
            None => Ok(self.inner.aggregate(pipeline)),
        }
    }
}

impl<T: DeserializeOwned + Send + Sync> TenantCollection<T> {
    pub fn find_one(&self, filter: Document) -> FindOne<'_, T> {
        self.inner.find_one(filter)
    }

    pub fn find_one_and_update(
        &self,
        filter: Document,
        update: impl Into<UpdateModifications>,
    ) -> FindOneAndUpdate<'_, T> {
        self.inner.find_one_and_update(filter, update)
    }
}

impl<T: Serialize + Send + Sync> TenantCollection<T> {
    pub fn insert_one(&self, document: &T) -> InsertOne<'_> {
        self.inner.insert_one(document)
    }

    pub fn insert_many<'a>(&'a self, documents: &'a [T]) -> InsertMany<'a> {
        self.inner.insert_many(documents)
    }

    pub fn replace_one(&self, filter: Document, replacement: &T) -> ReplaceOne<'_> {
        self.inner.replace_one(filter, replacement)
    }
}
