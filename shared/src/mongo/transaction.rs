//! Transactions that end by a deadline.
//!
//! The driver's own retry loop goes on for 120 seconds and leaves the abort of an abandoned transaction to a
//! task that a frozen Lambda function never runs. Here every way out has ended the transaction, or told the
//! server to.

use std::time::Duration;

use mongodb::bson::doc;
use mongodb::error::{Error, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use mongodb::{Client, ClientSession};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::errors::describe;
use super::log_error;
use crate::problem::Problem;

/// Time kept back before the deadline to end what is unfinished. After a cut connection the driver looks for
/// the server half a second later.
const TIME_TO_END: Duration = Duration::from_millis(1200);
/// Zero would be no limit.
const LEAST_COMMIT_TIME: Duration = Duration::from_millis(1);
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// Writes that belong together. They may be run several times; only one run is committed.
///
/// What transactions write, requests write in transactions only: two of those never wait for each other, the
/// later one is run again. A single write outside waits for the transaction, on a connection that this may
/// need for its commit.
pub trait Transaction: Sync {
    /// What the committed run found out.
    type Output: Send;

    fn run(
        &self,
        session: &mut ClientSession,
    ) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// Nothing was written.
    #[error("the transaction was refused")]
    Refused(Error),
    /// Not committed, or committed without an answer: the caller cannot know.
    #[error("the transaction did not end in time")]
    TooSlow,
}

impl From<Error> for TransactionError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<TransactionError> for Problem {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Refused(error) => error.into(),
            TransactionError::TooSlow => {
                tracing::error!("a transaction did not end before its request's deadline");
                Self::unavailable()
            }
        }
    }
}

/// Runs and commits `transaction`, again where MongoDB says that this may help, until shortly before `deadline`.
pub async fn run_transaction<T: Transaction>(
    client: &Client,
    deadline: Instant,
    transaction: &T,
) -> Result<T::Output, TransactionError> {
    let last_moment = deadline.checked_sub(TIME_TO_END).unwrap_or(deadline);
    let starting = timeout_at(last_moment, client.start_session());
    let mut session = starting.await.map_err(|_| TransactionError::TooSlow)??;
    // `timeout_at` lets it begin even where its time is over.
    if Instant::now() >= last_moment {
        return Err(TransactionError::TooSlow);
    }
    let attempts = attempts(&mut session, transaction, last_moment);
    if let Ok(result) = timeout_at(last_moment, attempts).await {
        return Ok(result?);
    }
    let _ = timeout(TIME_TO_END, end(client, &mut session)).await;
    Err(TransactionError::TooSlow)
}

async fn attempts<T: Transaction>(
    session: &mut ClientSession,
    transaction: &T,
    last_moment: Instant,
) -> Result<T::Output, Error> {
    let mut waits = Waits::default();
    loop {
        // Nobody waits for a commit after that; the server need not go on with it.
        let left = last_moment.saturating_duration_since(Instant::now());
        let starting = session.start_transaction();
        starting
            .max_commit_time(left.max(LEAST_COMMIT_TIME))
            .await?;
        let result = match transaction.run(session).await {
            Ok(output) => commit(session, &mut waits).await.map(|()| output),
            Err(error) => {
                // Where the abort fails, the server has ended the transaction or will by its time limit.
                let _ = session.abort_transaction().await;
                Err(error)
            }
        };
        match result {
            Err(error) if error.contains_label(TRANSIENT_TRANSACTION_ERROR) => {
                tracing::info!(error = describe(&error), "a transaction is run again");
                waits.next().await;
            }
            result => return result,
        }
    }
}

/// A commit without an answer is asked for again: the server commits once, however often it is told to.
async fn commit(session: &mut ClientSession, waits: &mut Waits) -> Result<(), Error> {
    loop {
        match session.commit_transaction().await {
            Err(error) if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) => {
                tracing::info!(error = describe(&error), "a commit is asked for again");
                waits.next().await;
            }
            result => return result,
        }
    }
}

/// Ends what the session still does on the server, commands in progress included, so that nothing appears
/// after the answer and no lock stays behind.
///
/// Clusters that are shared (Atlas M0 and Flex) kill no sessions. There the transaction is aborted, which waits
/// for its command in progress; where that was its first, the driver knows of no transaction yet, and the server
/// ends it by its own time limit (a minute).
async fn end(client: &Client, session: &mut ClientSession) {
    let command = doc! { "killSessions": [session.id().clone()] };
    let Err(error) = client.database("admin").run_command(command).await else {
        return;
    };
    tracing::warn!(
        error = describe(&error),
        "a session is not killed, its transaction is aborted"
    );
    if let Err(error) = session.abort_transaction().await {
        log_error(&error);
    }
}

/// Growing waits, with jitter: those who were in each other's way do not come back together.
struct Waits {
    next: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self { next: FIRST_WAIT }
    }
}

impl Waits {
    async fn next(&mut self) {
        sleep(self.next.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        self.next = (self.next * 2).min(LONGEST_WAIT);
    }
}
