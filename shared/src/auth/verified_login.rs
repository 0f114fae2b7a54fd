//! An admin that has just verified to be it, by email and password: what opens a session.
//!
//! Only [`log_in`](super::log_in) makes one. The following does not compile: an [`Admin`] that was read, or
//! made up, opens nothing.
//!
//! ```compile_fail,E0308
//! # use shared::{http::ClientAddress, model::Admin, sessions, state::AppState};
//! async fn in_the_name_of(state: &AppState, admin: &Admin, address: ClientAddress) {
//!     let soon = tokio::time::Instant::now();
//!     let _ = sessions::open(state, admin, address, soon).await;
//! }
//! ```
//!
//! ```compile_fail,E0451
//! # use shared::{auth::VerifiedLogin, model::Admin};
//! fn in_place_of<'a>(verified: VerifiedLogin<'a>, admin: Admin) -> VerifiedLogin<'a> {
//!     VerifiedLogin { admin, ..verified }
//! }
//! ```
//!
//! ```compile_fail,E0616
//! fn of_another(mut admin: shared::model::Admin, organization: mongodb::bson::oid::ObjectId) {
//!     admin.organization_id = organization;
//! }
//! ```

use crate::model::Admin;
use crate::problem::Problem;
use crate::throttle::{LoginAttempt, Outcome};

/// Its attempt is to be settled, beside whatever the proof is for.
#[must_use]
pub struct VerifiedLogin<'a> {
    admin: Admin,
    attempt: LoginAttempt<'a>,
}

impl<'a> VerifiedLogin<'a> {
    pub(super) fn new(admin: Admin, attempt: LoginAttempt<'a>) -> Self {
        Self { admin, attempt }
    }

    /// The admin, and what settles the attempt: [`Outcome::LoggedIn`] or [`Outcome::Right`].
    pub(crate) fn settling(
        self,
        outcome: Outcome,
    ) -> (Admin, impl Future<Output = Result<(), Problem>> + 'a) {
        (self.admin, self.attempt.record(outcome))
    }
}
