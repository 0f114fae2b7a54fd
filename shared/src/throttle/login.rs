//! An attempt to log in: a call from an address, and a guess at an account.

use tokio::time::Instant;

use super::counter::CountedCall;
use super::guess::is_known;
use super::{AddressUse, Guess, Guesser, Verdict, count_call, reserve_guess};
use crate::config::Config;
use crate::http::ClientAddress;
use crate::problem::{Code, Problem};
use crate::store::Databases;

/// A counted attempt. One that is not settled counts as a wrong guess.
#[must_use]
pub struct LoginAttempt<'a> {
    /// None for a known pair of account and address beyond the address's limit.
    call: Option<CountedCall<'a>>,
    guess: Guess<'a>,
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
        let guesser = Guesser::Caller { email_key, address };
        let per_address = limits.login_attempts_per_address;
        // The call first: one that is refused reserves no guess.
        let call = match count_call(databases, address, AddressUse::Login, per_address).await {
            Err(problem)
                if problem.code == Code::TooManyAttempts
                    && is_known(databases, guesser).await? =>
            {
                None
            }
            call => Some(call?),
        };
        let per_account = limits.login_attempts_per_account;
        let guess = reserve_guess(databases, guesser, per_account, deadline).await?;
        Ok(Self { call, guess })
    }

    pub async fn settle(self, verdict: Verdict) -> Result<(), Problem> {
        self.guess.settle(verdict).await?;
        match (verdict, self.call) {
            // The limit of an address is for guesses, not for an office full of admins.
            (Verdict::LoggedIn, Some(call)) => call.refund().await,
            _ => Ok(()),
        }
    }
}
