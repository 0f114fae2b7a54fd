//! The tenant's data, which is reached only through a handle that [`Caller::tenant`] returns.
//!
//! ```
//! # use axum::http::StatusCode;
//! # use shared::{auth::Caller, http::JsonBody, problem::Problem, tenant::Kind};
//! # #[derive(serde::Serialize, serde::Deserialize)]
//! # struct Invoice;
//! # impl Kind for Invoice { const KIND: &'static str = "invoice"; }
//! async fn add_invoice(
//!     caller: Caller,
//!     JsonBody(invoice): JsonBody<Invoice>,
//! ) -> Result<StatusCode, Problem> {
//!     let invoices = caller.tenant().kind::<Invoice>();
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
//!     collection.target.stored().client();
//! }
//! ```
//!
//! The driver's methods that the handle does not have:
//!
//! | method | reason |
//! |---|---|
//! | `client`, `clone_with_type`, `with_options`, `selection_criteria`, … | they lead to the client, or weaken the service's settings |
//! | `drop`, `rename` | the collection belongs to the organization. The purge drops it |
//! | `estimated_document_count` | it counts the documents of all kinds |
//! | `watch` | a deletion has no kind, and a Lambda function ends before the stream does |
//! | `create_search_index` and the like, `$search`, `$vectorSearch` | they exist in Atlas only, and cannot be tested without it |

pub mod actions;
mod audit;
mod collection;
mod cursor;
mod error;
mod indexes;
mod kind;
mod permitted;
mod target;
mod transaction;

use std::fmt;

use mongodb::bson::RawDocumentBuf;

pub use audit::{AuditAction, DetailsError};
pub use collection::TenantCollection;
pub use cursor::TenantCursor;
pub use error::{Refused, TenantError};
pub use kind::Kind;
pub use transaction::TenantTransaction;

use crate::auth::Caller;
use crate::mongo::TransactionSession;
use crate::store::TenantLocation;
use kind::{Reach, is_kind_name};
use target::Target;

/// The data of one tenant.
#[derive(Clone)]
pub struct Tenant<'a> {
    caller: &'a Caller,
    location: TenantLocation,
}

impl fmt::Debug for Tenant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant")
            .field("collection_name", &self.collection_name())
            .finish_non_exhaustive()
    }
}

impl Caller {
    /// The data of the caller's organization.
    pub fn tenant(&self) -> Tenant<'_> {
        Tenant {
            caller: self,
            location: self.databases().location_of(self.organization()),
        }
    }
}

impl Tenant<'_> {
    /// The database of the tenant's collection.
    pub fn database_name(&self) -> &str {
        self.location.database_name()
    }

    /// The name of the tenant's collection.
    pub fn collection_name(&self) -> &str {
        self.location.collection_name()
    }

    /// The tenant's documents of a kind.
    pub fn kind<T: Kind>(&self) -> TenantCollection<T> {
        self.of_kind(None)
    }

    /// The tenant's documents of no kind.
    pub fn collection<T: Send + Sync>(&self) -> TenantCollection<T> {
        self.reaching(Reach::NoKind, None)
    }

    fn of_kind<T: Kind>(&self, transaction: Option<TransactionSession>) -> TenantCollection<T> {
        const { assert!(is_kind_name(T::KIND), "KIND is not permitted: see `Kind`") };
        self.reaching(Reach::Kind(T::KIND), transaction)
    }

    fn reaching<T>(
        &self,
        reach: Reach,
        transaction: Option<TransactionSession>,
    ) -> TenantCollection<T> {
        let collection = self.location.collection::<RawDocumentBuf>();
        TenantCollection::new(Target::new(collection, reach, transaction))
    }
}
