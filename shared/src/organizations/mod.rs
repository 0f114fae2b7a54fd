//! What an organization goes through: onboarding, renaming, deletion, restoration, purge.

mod capacity;
mod deletion;
mod idempotency;
mod new_organization;
mod onboarding;
mod purge;
mod rename;
mod restoration;
mod tenant_collection;
mod view;

pub use deletion::delete;
pub use new_organization::{Caller, NewOrganization};
pub use onboarding::onboard;
pub use purge::{PurgeReport, purge_deleted};
pub use rename::rename;
pub use restoration::restore;
pub use tenant_collection::TenantCollection;
pub use view::OrganizationView;
