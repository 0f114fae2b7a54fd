//! Asks a caller for the password again, before actions that cannot be undone easily.

use secrecy::SecretString;

use super::Caller;
use super::credentials::refuse;
use super::refused_login::RefusedLogin;
use crate::model::Action;
use crate::problem::Problem;
use crate::throttle::{Outcome, Subject, reserve_attempt};
use crate::values::Password;

/// A caller that has just confirmed its password. Only [`reauthenticate`] yields one.
pub(crate) struct Reauthenticated<'a>(&'a Caller);

impl<'a> Reauthenticated<'a> {
    pub(crate) fn caller(&self) -> &'a Caller {
        self.0
    }
}

/// Verifies that `password` is the caller's. A token may be stolen, so attempts are limited here as well: per session,
/// so that the account can still log in.
pub(crate) async fn reauthenticate<'a>(
    caller: &'a Caller,
    password: &SecretString,
) -> Result<Reauthenticated<'a>, Problem> {
    let request = caller.request();
    let limit = request.config().login_attempts_per_account;
    let subject = Subject::Session(caller.session_id());
    let deadline = request.deadline();
    let attempt = reserve_attempt(caller.databases(), subject, limit, deadline).await?;
    let hasher = &request.state().hasher;
    let compared = hasher.verify(
        caller.account().password_hash.clone(),
        Password::new(password),
    );
    let problem = match compared.await {
        Ok(comparison) if comparison.is_match() => {
            attempt.record(Outcome::Right).await?;
            return Ok(Reauthenticated(caller));
        }
        Ok(_) => Problem::wrong_password(),
        Err(problem) => problem,
    };
    let refused = RefusedLogin {
        email_key: caller.account().email_key(),
        event: caller.event(Action::LoginRefused),
    };
    let record = |outcome| attempt.record(outcome);
    Err(refuse(request, problem, refused, record).await)
}
