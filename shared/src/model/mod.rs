//! The documents of the control plane, as MongoDB stores them.

mod admin;
mod event;
mod id;
mod idempotency_record;
mod organization;
mod session;

pub use admin::{Admin, AdminStatus, Role};
pub use event::{Action, EndReason, Event};
pub use id::{AdminId, OrganizationId, SessionId};
pub use idempotency_record::IdempotencyRecord;
pub(crate) use organization::Transition;
pub use organization::{Organization, OrganizationStatus};
pub(crate) use session::ReplacedToken;
pub use session::Session;
