//! The one way to a tenant's data: a handle that an authenticated admin yields.
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
//!     caller.collection::<Invoice>().insert_one(&invoice).await?;
//!     Ok(StatusCode::CREATED)
//! }
//! ```
//!
//! It is no [`mongodb::Collection`], from which one could reach the client, and by it every other tenant. What
//! it offers stays in the tenant's own collection. The following does not compile, and nothing like it does:
//!
//! ```compile_fail,E0616
//! async fn of_another_tenant(app: &shared::state::AppState) {
//!     let databases = app.mongo.databases().await.unwrap();
//!     databases.tenants.collection::<mongodb::bson::Document>("org_another");
//! }
//! ```
//!
//! ```compile_fail,E0616
//! fn a_way_out(collection: shared::organizations::TenantCollection<mongodb::bson::Document>) {
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

/// The stages of an aggregation that read nothing but the collection they begin with, and write nothing.
const STAGES: &[&str] = &[
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

/// The collection of an admin's own organization, with documents of the type `T`. Methods are those of
/// [`mongodb::Collection`].
#[derive(Clone, Debug)]
pub struct TenantCollection<T: Send + Sync> {
    inner: Collection<T>,
}

/// A stage that could leave the tenant's collection.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an aggregation over a tenant's collection cannot have the stage {0:?}")]
pub struct ForbiddenStage(pub String);

impl Caller {
    /// The collection of the admin's organization.
    pub fn collection<T: Send + Sync>(&self) -> TenantCollection<T> {
        let name = self.organization().collection_name.as_str();
        TenantCollection {
            inner: self.tenants().collection(name),
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
        match stages.find(|stage| !STAGES.contains(&stage.as_str())) {
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
