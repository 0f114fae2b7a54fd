//! The documents of the control plane, as they stand in MongoDB.

mod admin;
mod event;
mod onboarding;
mod organization;
mod session;

pub use admin::{Admin, AdminStatus, Role};
pub use event::{Action, EndReason, Event};
pub use onboarding::Onboarding;
pub use organization::{Organization, OrganizationStatus};
pub(crate) use session::ReplacedToken;
pub use session::Session;
