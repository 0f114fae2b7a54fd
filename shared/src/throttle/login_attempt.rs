//! An attempt to log in: a call from an address, and a guess at an account.

use tokio::time::Instant;

use super::attempt::is_known;
use super::counter::CountedRequest;
use super::{Attempt, LimitedAction, Outcome, Subject, count_request, reserve_attempt};
use crate::config::Config;
use crate::http::ClientAddress;
use crate::problem::{Code, Problem};
use crate::store::Databases;

/// A counted attempt. One that is not settled counts as a wrong guess.
#[must_use]
pub struct LoginAttempt<'a> {
    /// None for a known pair of account and address beyond the address's limit.
    call: Option<CountedRequest<'a>>,
    guess: Attempt<'a>,
}

impl<'a> LoginAttempt<'a> {
    /// Counts an attempt at the account with this key, or says how long to wait. The limit of an address does not refuse
    /// accounts that logged in from there: strangers at the same address may have used it up.
    pub async fn begin(
        databases: &'a Databases,
        limits: &Config,
        email_key: &str,
        address: ClientAddress,
        deadline: Instant,
    ) -> Result<Self, Problem> {
        let subject = Subject::Account { email_key, address };
        let per_address = limits.login_attempts_per_address;
        // The call first: one that is refused reserves no guess.
        let call = match count_request(databases, address, LimitedAction::Login, per_address).await
        {
            Err(problem)
                if problem.code == Code::TooManyAttempts
                    && is_known(databases, subject).await? =>
            {
                None
            }
            call => Some(call?),
        };
        let per_account = limits.login_attempts_per_account;
        let guess = reserve_attempt(databases, subject, per_account, deadline).await?;
        Ok(Self { call, guess })
    }

    pub async fn record(self, outcome: Outcome) -> Result<(), Problem> {
        self.guess.record(outcome).await?;
        match (outcome, self.call) {
            // The limit of an address is for guesses, not for an office full of admins.
            (Outcome::LoggedIn, Some(call)) => call.refund().await,
            _ => Ok(()),
        }
    }
}
