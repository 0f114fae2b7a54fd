//! The documents of the control plane, as MongoDB stores them.

mod account;
mod event;
mod id;
mod idempotency_record;
mod job_position;
mod membership;
mod organization;
mod organization_state;
mod placement;
mod principal;
mod product_event;
mod product_request;
mod product_version;
mod session;
mod tombstone;
mod transition;

pub use account::{Account, AccountStatus};
pub use event::{Action, EndReason, Event};
pub(crate) use event::{MAX_DETAILS, RETENTION};
pub use id::{AccountId, MembershipId, OrganizationId, SessionId};
pub use idempotency_record::IdempotencyRecord;
pub(crate) use job_position::JobPosition;
pub use membership::{Membership, Role};
pub use organization::Organization;
pub use placement::{Cell, Placement, PlacementMode};
pub use principal::Principal;
pub(crate) use product_event::ProductEvent;
pub(crate) use product_request::ProductRequest;
pub use product_version::ProductVersion;
pub(crate) use session::ReplacedToken;
pub use session::Session;
pub use tombstone::Tombstone;
pub(crate) use transition::Transition;
