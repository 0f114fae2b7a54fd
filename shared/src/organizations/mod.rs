//! The life of an organization: onboarding, rename, deletion, restoration, purge.

mod capacity;
mod deletion;
mod idempotency;
mod new_organization;
mod onboarding;
mod purge;
mod rename;
mod restoration;
mod view;

pub use deletion::delete;
pub use new_organization::NewOrganization;
pub use onboarding::onboard;
pub use purge::{PurgeReport, purge_deleted};
pub use rename::rename;
pub use restoration::restore;
pub use view::OrganizationView;
