//! HTTP around the handlers: extractors of requests, and the layers of every response.

mod client_address;
mod deadline;
mod idempotency_key;
mod json_body;
mod page_limit;
mod query;
mod request_log;
mod service;

pub use client_address::ClientAddress;
pub use deadline::{Deadline, REQUEST_TIMEOUT, remaining_time};
pub(crate) use idempotency_key::IDEMPOTENCY_TTL;
pub use idempotency_key::IdempotencyKey;
pub use json_body::{JsonBody, MAX_KIB, exceeds_limit_by_length, receive};
pub use page_limit::{MAX_PAGE, limit_out_of_range, page_limit};
pub use query::Query;
pub use request_log::RequestLog;
pub use service::service;
