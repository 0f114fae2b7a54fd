//! The documents of the control plane, as they stand in MongoDB.

mod admin;
mod event;
mod idempotency_record;
mod organization;
mod session;

pub use admin::{Admin, AdminStatus, Role};
pub use event::{Action, EndReason, Event};
pub use idempotency_record::IdempotencyRecord;
pub use organization::{Organization, OrganizationStatus};
pub(crate) use session::ReplacedToken;
pub use session::Session;
