//! A guess at a password: whose it is decides which limits it meets.
//!
//! Each address has its own few guesses at an account, so that nobody who guesses elsewhere keeps its admin out.
//! All addresses that the admin has not logged in from have some more together, so that many of them guess no
//! faster. Someone with a token guesses for its session: that keeps nobody from logging in.

use mongodb::bson::oid::ObjectId;
use tokio::time::Instant;

use super::Outcome;
use super::counter::{CountedRequest, count_attempt};
use super::failure_backoff::{FailureBackoff, Reservation};
use crate::http::ClientAddress;
use crate::problem::Problem;
use crate::store::Databases;

/// Guesses an hour of all addresses that are new to the account, in limits of one address. Alone, one address
/// does not use them up: its own waits see to that.
const NEW_ADDRESSES: u32 = 10;
const NEW_ADDRESSES_AT_LEAST: u32 = 50;

/// Who guesses.
#[derive(Clone, Copy)]
pub enum Subject<'g> {
    /// Anyone who names an account, known or unknown.
    Account {
        email_key: &'g str,
        address: ClientAddress,
    },
    /// Whoever has a token of this session.
    Session(ObjectId),
}

/// A reserved guess. One that is not settled counts as a wrong one.
#[must_use]
pub struct Attempt<'a> {
    bucket: FailureBackoff<'a>,
    /// None where there is no limit.
    reservation: Option<Reservation>,
    of_new_addresses: Option<CountedRequest<'a>>,
}

/// Reserves a guess, or says how long to wait. `limit` is that of one subject; 0 means no limit.
pub async fn reserve_attempt<'a>(
    databases: &'a Databases,
    subject: Subject<'_>,
    limit: u32,
    deadline: Instant,
) -> Result<Attempt<'a>, Problem> {
    let mut guess = Attempt {
        bucket: FailureBackoff::new(databases, &subject.key(), limit)?,
        reservation: None,
        of_new_addresses: None,
    };
    if limit == 0 {
        return Ok(guess);
    }
    let reservation = guess.bucket.reserve(deadline).await?;
    let known = reservation.known;
    guess.reservation = Some(reservation);
    if let Subject::Account { email_key, .. } = subject
        && !known
    {
        let limit = limit
            .saturating_mul(NEW_ADDRESSES)
            .max(NEW_ADDRESSES_AT_LEAST);
        match count_attempt(databases, email_key, limit).await {
            Ok(counted) => guess.of_new_addresses = Some(counted),
            Err(problem) => {
                guess.record(Outcome::Undecided).await?;
                return Err(problem);
            }
        }
    }
    Ok(guess)
}

/// Whether the subject logged in lately.
pub(super) async fn is_known(databases: &Databases, subject: Subject<'_>) -> Result<bool, Problem> {
    FailureBackoff::new(databases, &subject.key(), 0)?
        .is_known()
        .await
}

impl Attempt<'_> {
    pub async fn record(self, outcome: Outcome) -> Result<(), Problem> {
        if let Some(reservation) = self.reservation {
            self.bucket.record(reservation, outcome).await?;
        }
        match self.of_new_addresses {
            Some(counted) if outcome != Outcome::Wrong => counted.refund().await,
            _ => Ok(()),
        }
    }
}

impl Subject<'_> {
    /// Of its bucket.
    fn key(&self) -> Vec<String> {
        match self {
            Self::Account { email_key, address } => vec![
                "guesses".to_owned(),
                (*email_key).to_owned(),
                address.network(),
            ],
            Self::Session(id) => vec!["confirmations".to_owned(), id.to_hex()],
        }
    }
}
