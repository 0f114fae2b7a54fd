//! A principal whose email and password were verified. It can open a session.
//!
//! Other crates get one only from [`verify_login`](super::verify_login). A [`Principal`] alone opens no session: the
//! following does not compile:
//!
//! ```compile_fail,E0308
//! # use shared::{model::Principal, request::RequestContext, sessions};
//! async fn without_credentials(request: &RequestContext, principal: &Principal) {
//!     let _ = sessions::open(request, principal).await;
//! }
//! ```
//!
//! ```compile_fail,E0451
//! # use shared::{auth::VerifiedLogin, model::Principal};
//! fn of_another_account<'a>(verified: VerifiedLogin<'a>, principal: Principal) -> VerifiedLogin<'a> {
//!     VerifiedLogin { principal, ..verified }
//! }
//! ```
//!
//! ```compile_fail,E0616
//! # use shared::model::{Organization, Principal};
//! fn of_another_organization(mut principal: Principal, organization: Organization) {
//!     principal.organization = organization;
//! }
//! ```

use crate::model::Principal;
use crate::problem::Problem;
use crate::throttle::{LoginAttempt, Outcome};

/// The outcome of its attempt is still to be recorded.
#[must_use]
pub struct VerifiedLogin<'a> {
    principal: Principal,
    attempt: LoginAttempt<'a>,
}

impl<'a> VerifiedLogin<'a> {
    pub(super) fn new(principal: Principal, attempt: LoginAttempt<'a>) -> Self {
        Self { principal, attempt }
    }

    /// The principal, and the future that records the outcome: [`Outcome::LoggedIn`] or [`Outcome::Right`].
    pub(crate) fn record(
        self,
        outcome: Outcome,
    ) -> (
        Principal,
        impl Future<Output = Result<(), Problem>> + use<'a>,
    ) {
        (self.principal, self.attempt.record(outcome))
    }
}
