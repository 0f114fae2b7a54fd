//! A guess at a password: whose it is decides which limits it meets.
//!
//! Each address has its own few guesses at an account, so that nobody who guesses elsewhere keeps its admin out.
//! All addresses that the admin has not logged in from have some more together, so that many of them guess no
//! faster. Someone with a token guesses for its session: that keeps nobody from logging in.

use mongodb::bson::oid::ObjectId;
use tokio::time::Instant;

use super::Verdict;
use super::bucket::{Bucket, Reservation};
use super::counter::{CountedCall, count_guess};
use crate::http::ClientAddress;
use crate::problem::Problem;
use crate::store::Databases;

/// Guesses an hour of all addresses that are new to the account, in limits of one address. Alone, one address
/// does not use them up: its own waits see to that.
const NEW_ADDRESSES: u32 = 10;
const NEW_ADDRESSES_AT_LEAST: u32 = 50;

/// Who guesses.
#[derive(Clone, Copy)]
pub enum Guesser<'g> {
    /// Anyone who names an account, known or unknown.
    Caller {
        email_key: &'g str,
        address: ClientAddress,
    },
    /// Whoever has a token of this session.
    Session(ObjectId),
}

/// A reserved guess. One that is not settled counts as a wrong one.
#[must_use]
pub struct Guess<'a> {
    bucket: Bucket<'a>,
    /// None where there is no limit.
    reservation: Option<Reservation>,
    of_new_addresses: Option<CountedCall<'a>>,
}

/// Reserves a guess, or says how long to wait. `limit` is that of one guesser; 0 means no limit.
pub async fn reserve_guess<'a>(
    databases: &'a Databases,
    guesser: Guesser<'_>,
    limit: u32,
    deadline: Instant,
) -> Result<Guess<'a>, Problem> {
    let mut guess = Guess {
        bucket: Bucket::new(databases, &guesser.key(), limit)?,
        reservation: None,
        of_new_addresses: None,
    };
    if limit == 0 {
        return Ok(guess);
    }
    let reservation = guess.bucket.reserve(deadline).await?;
    let known = reservation.known;
    guess.reservation = Some(reservation);
    if let Guesser::Caller { email_key, .. } = guesser
        && !known
    {
        let limit = limit
            .saturating_mul(NEW_ADDRESSES)
            .max(NEW_ADDRESSES_AT_LEAST);
        match count_guess(databases, email_key, limit).await {
            Ok(counted) => guess.of_new_addresses = Some(counted),
            Err(problem) => {
                guess.settle(Verdict::Undecided).await?;
                return Err(problem);
            }
        }
    }
    Ok(guess)
}

/// Whether the guesser logged in lately.
pub(super) async fn is_known(databases: &Databases, guesser: Guesser<'_>) -> Result<bool, Problem> {
    Bucket::new(databases, &guesser.key(), 0)?.is_known().await
}

impl Guess<'_> {
    pub async fn settle(self, verdict: Verdict) -> Result<(), Problem> {
        if let Some(reservation) = self.reservation {
            self.bucket.settle(reservation, verdict).await?;
        }
        match self.of_new_addresses {
            Some(counted) if verdict != Verdict::Wrong => counted.refund().await,
            _ => Ok(()),
        }
    }
}

impl Guesser<'_> {
    /// Of its bucket.
    fn key(&self) -> Vec<String> {
        match self {
            Self::Caller { email_key, address } => vec![
                "guesses".to_owned(),
                (*email_key).to_owned(),
                address.network(),
            ],
            Self::Session(id) => vec!["confirmations".to_owned(), id.to_hex()],
        }
    }
}
