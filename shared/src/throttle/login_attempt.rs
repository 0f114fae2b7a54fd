//! An attempt to log in: a request of an address, and an attempt at an account's password.

use tokio::time::Instant;

use super::attempt::has_logged_in;
use super::counter::CountedRequest;
use super::{Attempt, LimitedAction, Outcome, Subject, count_request, reserve_attempt};
use crate::config::Config;
use crate::http::ClientAddress;
use crate::problem::{Code, Problem};
use crate::store::Databases;

/// A counted attempt. Without an outcome it counts as wrong.
#[must_use]
pub struct LoginAttempt<'a> {
    /// None beyond the address's limit, if the account has logged in from this address.
    request: Option<CountedRequest<'a>>,
    attempt: Attempt<'a>,
}

impl<'a> LoginAttempt<'a> {
    /// Counts an attempt at the account with this key, or fails with the time to wait. The limit of an address does not
    /// apply to accounts that logged in from there: others at the same address may have used it up.
    pub async fn begin(
        databases: &'a Databases,
        limits: &Config,
        email_key: &str,
        address: ClientAddress,
        deadline: Instant,
    ) -> Result<Self, Problem> {
        let subject = Subject::Account { email_key, address };
        let per_address = limits.login_attempts_per_address;
        // The request first: a refused one reserves no attempt.
        let counted = count_request(databases, address, LimitedAction::Login, per_address).await;
        let request = match counted {
            Err(problem)
                if problem.code == Code::TooManyAttempts
                    && has_logged_in(databases, subject).await? =>
            {
                None
            }
            counted => Some(counted?),
        };
        let per_account = limits.login_attempts_per_account;
        let attempt = reserve_attempt(databases, subject, per_account, deadline).await?;
        Ok(Self { request, attempt })
    }

    pub async fn record(self, outcome: Outcome) -> Result<(), Problem> {
        self.attempt.record(outcome).await?;
        match (outcome, self.request) {
            // The limit of an address is for wrong passwords, not for many people at one address.
            (Outcome::LoggedIn, Some(request)) => request.refund().await,
            _ => Ok(()),
        }
    }
}
