//! An attempt at a password. Its [`Subject`] determines which limits apply.
//!
//! Each address has its own few attempts at an account, so a persistent attacker cannot lock out other addresses. All
//! addresses that the account has not logged in from have a common limit as well, so many addresses do not help. An
//! attempt with a token is limited per session, so it does not limit logins.

use tokio::time::Instant;

use super::Outcome;
use super::counter::{CountedRequest, count_attempt, forget_attempts};
use super::failure_backoff::{FailureBackoff, Reservation};
use crate::http::ClientAddress;
use crate::model::SessionId;
use crate::problem::Problem;
use crate::store::Databases;

/// The common limit of all new addresses, per hour, as a multiple of the limit of one address. A single address does
/// not use it up, because it has to wait between failures.
const NEW_ADDRESSES_FACTOR: u32 = 10;
const NEW_ADDRESSES_MINIMUM: u32 = 50;

/// The subject of a limit.
#[derive(Clone, Copy)]
pub enum Subject<'s> {
    /// A client address and the account that its request names, whether the account exists or not.
    Account {
        email_key: &'s str,
        address: ClientAddress,
    },
    /// The holder of a token of this session.
    Session(SessionId),
}

/// A reserved attempt. Without an outcome it counts as wrong.
#[must_use]
pub struct Attempt<'a> {
    backoff: FailureBackoff<'a>,
    /// None if there is no limit.
    reservation: Option<Reservation>,
    of_new_addresses: Option<CountedRequest<'a>>,
}

/// Reserves an attempt, or fails with the time to wait. `limit` is that of one subject; 0 means no limit.
pub async fn reserve_attempt<'a>(
    databases: &'a Databases,
    subject: Subject<'_>,
    limit: u32,
    deadline: Instant,
) -> Result<Attempt<'a>, Problem> {
    let mut attempt = Attempt {
        backoff: FailureBackoff::new(databases, &subject.key(), limit)?,
        reservation: None,
        of_new_addresses: None,
    };
    if limit == 0 {
        return Ok(attempt);
    }
    let reservation = attempt.backoff.reserve(deadline).await?;
    let has_logged_in = reservation.has_logged_in;
    attempt.reservation = Some(reservation);
    if let Subject::Account { email_key, .. } = subject
        && !has_logged_in
    {
        let limit = limit
            .saturating_mul(NEW_ADDRESSES_FACTOR)
            .max(NEW_ADDRESSES_MINIMUM);
        match count_attempt(databases, email_key, limit).await {
            Ok(counted) => attempt.of_new_addresses = Some(counted),
            Err(problem) => {
                attempt.record(Outcome::Undecided).await?;
                return Err(problem);
            }
        }
    }
    Ok(attempt)
}

/// Whether the subject logged in within the last 30 days.
pub(super) async fn has_logged_in(
    databases: &Databases,
    subject: Subject<'_>,
) -> Result<bool, Problem> {
    FailureBackoff::new(databases, &subject.key(), 0)?
        .has_logged_in()
        .await
}

/// Ends the waits that wrong passwords caused for this address and for all new addresses: the account's holder proved to
/// receive its mail.
pub async fn forget_failures(
    databases: &Databases,
    email_key: &str,
    address: ClientAddress,
) -> Result<(), Problem> {
    let subject = Subject::Account { email_key, address };
    let backoff = FailureBackoff::new(databases, &subject.key(), 0)?;
    tokio::try_join!(backoff.forget(), forget_attempts(databases, email_key))?;
    Ok(())
}

impl Attempt<'_> {
    pub async fn record(self, outcome: Outcome) -> Result<(), Problem> {
        if let Some(reservation) = self.reservation {
            self.backoff.record(reservation, outcome).await?;
        }
        match self.of_new_addresses {
            Some(counted) if outcome != Outcome::Wrong => counted.refund().await,
            _ => Ok(()),
        }
    }
}

impl Subject<'_> {
    /// The parts of the key of the subject's document.
    fn key(&self) -> Vec<String> {
        match self {
            Self::Account { email_key, address } => vec![
                "account-failures".to_owned(),
                (*email_key).to_owned(),
                address.network(),
            ],
            Self::Session(id) => vec!["session-failures".to_owned(), id.to_hex()],
        }
    }
}
