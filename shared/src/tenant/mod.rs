//! The tenant's data, which is reached only through a handle that [`Caller::tenant`](crate::auth::Caller::tenant) returns.
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
mod actor;
mod audit;
mod bulk_write;
mod collection;
mod cursor;
mod declaration;
mod error;
mod handle;
mod idempotency;
mod indexes;
mod jobs;
mod kind;
mod page_cursor;
mod permitted;
mod target;
mod transaction;

pub use audit::AuditAction;
pub use bulk_write::{BulkWriteResult, WriteModel};
pub use collection::TenantCollection;
pub use cursor::TenantCursor;
pub(crate) use declaration::DeclaredKind;
pub use error::{DetailsError, Refused, TenantError};
pub use handle::Tenant;
pub use jobs::{Job, JobReport, Tenants};
pub use kind::Kind;
pub use transaction::TenantTransaction;
