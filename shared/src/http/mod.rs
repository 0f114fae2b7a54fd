//! HTTP around the handlers: what comes in before them, and what happens to every answer after them.

mod answer;
mod client_address;
mod deadline;
mod idempotency_key;
mod json_body;
mod organization;
mod query;
mod request_id;

pub use answer::service;
pub use client_address::ClientAddress;
pub use deadline::{Deadline, time_left};
pub use idempotency_key::IdempotencyKey;
pub use json_body::{JsonBody, is_refused_unread, receive};
pub(crate) use organization::note_organization;
pub use query::Query;
