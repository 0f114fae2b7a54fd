//! An admin whose email and password were verified. It can open a session.
//!
//! Other crates get one only from [`verify_login`](super::verify_login). An [`Admin`] alone opens no session: the
//! following does not compile:
//!
//! ```compile_fail,E0308
//! # use shared::{model::Admin, request::RequestContext, sessions};
//! async fn without_credentials(request: &RequestContext, admin: &Admin) {
//!     let _ = sessions::open(request, admin).await;
//! }
//! ```
//!
//! ```compile_fail,E0451
//! # use shared::{auth::VerifiedLogin, model::Admin};
//! fn of_another_admin<'a>(verified: VerifiedLogin<'a>, admin: Admin) -> VerifiedLogin<'a> {
//!     VerifiedLogin { admin, ..verified }
//! }
//! ```
//!
//! ```compile_fail,E0616
//! fn of_another_organization(mut admin: shared::model::Admin, organization: shared::model::OrganizationId) {
//!     admin.organization_id = organization;
//! }
//! ```

use crate::model::Admin;
use crate::problem::Problem;
use crate::throttle::{LoginAttempt, Outcome};

/// The outcome of its attempt is still to be recorded.
#[must_use]
pub struct VerifiedLogin<'a> {
    admin: Admin,
    attempt: LoginAttempt<'a>,
}

impl<'a> VerifiedLogin<'a> {
    pub(super) fn new(admin: Admin, attempt: LoginAttempt<'a>) -> Self {
        Self { admin, attempt }
    }

    /// The admin, and the future that records the outcome: [`Outcome::LoggedIn`] or [`Outcome::Right`].
    pub(crate) fn record(
        self,
        outcome: Outcome,
    ) -> (Admin, impl Future<Output = Result<(), Problem>> + 'a) {
        (self.admin, self.attempt.record(outcome))
    }
}
