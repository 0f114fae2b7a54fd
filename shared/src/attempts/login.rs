//! An attempt to log in: a call from an address, and a guess at an account.

use tokio::time::Instant;

use super::guess::{Guess, Guesser, Verdict, reserve_guess};
use super::hourly::{AddressUse, CountedCall, count_call};
use crate::config::Config;
use crate::http::ClientAddress;
use crate::mongo::Databases;
use crate::problem::Problem;

/// A counted attempt. One that is not settled counts as a wrong guess.
#[must_use]
pub struct LoginAttempt<'a> {
    call: CountedCall<'a>,
    guess: Guess<'a>,
}

impl<'a> LoginAttempt<'a> {
    /// Counts an attempt at the account with this key, or says how long to wait.
    pub async fn begin(
        databases: &'a Databases,
        limits: &Config,
        email_key: &str,
        address: ClientAddress,
        deadline: Instant,
    ) -> Result<Self, Problem> {
        // The call first: one that is refused reserves nothing.
        let per_address = limits.login_attempts_per_address;
        let call = count_call(databases, address, AddressUse::Login, per_address).await?;
        let guesser = Guesser::Caller { email_key, address };
        let per_account = limits.login_attempts_per_account;
        let guess = reserve_guess(databases, guesser, per_account, deadline).await?;
        Ok(Self { call, guess })
    }

    pub async fn settle(self, verdict: Verdict) -> Result<(), Problem> {
        self.guess.settle(verdict).await?;
        match verdict {
            // The address is for those who guess, not for an office full of admins.
            Verdict::Right => self.call.take_back().await,
            Verdict::Wrong | Verdict::Undecided => Ok(()),
        }
    }
}
