//! An admin that has just proved to be it, by email and password: what opens a session.
//!
//! Only [`log_in`](super::log_in) makes one. The following does not compile: an [`Admin`] that was read, or
//! made up, opens nothing.
//!
//! ```compile_fail,E0308
//! # use shared::{admins::Admin, http::ClientAddress, sessions, tokens::Secured};
//! async fn in_the_name_of(secured: &Secured, admin: &Admin, address: ClientAddress) {
//!     let soon = tokio::time::Instant::now();
//!     let _ = sessions::open(secured, admin, address, soon).await;
//! }
//! ```
//!
//! ```compile_fail,E0423
//! fn proved(admin: shared::admins::Admin) -> shared::admins::ProvedAdmin {
//!     shared::admins::ProvedAdmin(admin)
//! }
//! ```
//!
//! ```compile_fail,E0616
//! fn of_another(mut admin: shared::admins::Admin, organization: mongodb::bson::oid::ObjectId) {
//!     admin.organization_id = organization;
//! }
//! ```

use super::Admin;

pub struct ProvedAdmin(Admin);

impl ProvedAdmin {
    pub(super) fn new(admin: Admin) -> Self {
        Self(admin)
    }

    pub(crate) fn admin(&self) -> &Admin {
        &self.0
    }
}
