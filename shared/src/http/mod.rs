//! HTTP around the handlers: what comes in before them, and what happens to every answer after them.

mod client_address;
mod deadline;
mod idempotency_key;
mod json_body;
mod organization;
mod query;
mod request_id;
mod service;

pub use client_address::ClientAddress;
pub use deadline::{Deadline, remaining_time};
pub use idempotency_key::IdempotencyKey;
pub use json_body::{JsonBody, exceeds_limit_by_length, receive};
pub(crate) use organization::note_organization;
pub use query::Query;
pub use service::service;
