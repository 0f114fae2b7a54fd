//! What a product may use of this crate. All other items serve the service's own functions, and may change in any version.
//!
//! The product is a crate of its own that depends on this one by path or git tag. Its function verifies the caller's token
//! itself, so it reads the service's secrets: see "A product in Rust" in `SECURITY.md`. `docs/extending.md` explains the parts.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use serde::{Deserialize, Serialize};
//! use shared::product::axum::Router;
//! use shared::product::axum::http::StatusCode;
//! use shared::product::axum::routing::post;
//! use shared::product::mongodb::bson::oid::ObjectId;
//! use shared::product::{Caller, JsonBody, Kind, Problem, Secret, StartupError, serve, start};
//!
//! #[derive(Serialize, Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Invoice {
//!     #[serde(rename = "_id", default)]
//!     id: ObjectId,
//!     cents: i64,
//! }
//!
//! impl Kind for Invoice {
//!     const KIND: &'static str = "invoice";
//! }
//!
//! async fn add(caller: Caller, JsonBody(invoice): JsonBody<Invoice>) -> Result<StatusCode, Problem> {
//!     caller.tenant().kind().insert_one(&invoice).await?;
//!     Ok(StatusCode::CREATED)
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), StartupError> {
//!     let state = start(&[Secret::Signing])?;
//!     let routes = Router::new().route("/invoices", post(add)).with_state(Arc::clone(&state));
//!     serve(&state, routes).await
//! }
//! ```

// Crates whose types appear in the items below.
pub use axum;
pub use mongodb;

// The start of a function.
pub use crate::lambda::{InvocationError, Secret, serve, serve_events, serve_job, start};
pub use crate::start::StartupError;
pub use crate::state::AppState;

// A request.
pub use crate::auth::Caller;
pub use crate::http::{ClientAddress, IdempotencyKey, JsonBody, Query, remaining_time};
pub use crate::model::{Account, AccountId, Organization, OrganizationId, Role};
pub use crate::request::RequestContext;

// A response.
pub use crate::mongo::TransactionError;
pub use crate::problem::{Code, FieldError, Problem, ProductCode};

// A tenant's data.
pub use crate::tenant::actions;
pub use crate::tenant::{
    AuditAction, BulkWriteResult, DetailsError, Job, JobReport, Kind, Refused, Tenant,
    TenantCollection, TenantCursor, TenantError, TenantTransaction, Tenants, WriteModel,
};
