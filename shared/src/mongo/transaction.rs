//! Transactions that end by a deadline.
//!
//! The driver's own retry loop goes on for 120 seconds and leaves the abort of an abandoned transaction to a
//! task that a frozen Lambda function never runs. Here every way out has ended the transaction, or told the
//! server to.

use std::marker::PhantomData;
use std::pin::Pin;
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

/// Why a transaction was not committed. A closure returns the first two of these to end its transaction.
#[derive(Debug)]
pub enum TransactionError<E> {
    /// The closure ended the transaction for this reason. Nothing was written.
    Aborted(E),
    /// MongoDB failed. Nothing was written. From a closure: the transaction runs again if MongoDB says that this may help.
    Mongo(Error),
    /// Unknown: the transaction was not committed, or its commit was not confirmed.
    DeadlineExceeded,
}

impl<E> From<Error> for TransactionError<E> {
    fn from(error: Error) -> Self {
        Self::Mongo(error)
    }
}

impl From<Problem> for TransactionError<Problem> {
    fn from(problem: Problem) -> Self {
        Self::Aborted(problem)
    }
}

impl<E: Into<Problem>> From<TransactionError<E>> for Problem {
    fn from(error: TransactionError<E>) -> Self {
        match error {
            TransactionError::Aborted(reason) => reason.into(),
            TransactionError::Mongo(error) => error.into(),
            TransactionError::DeadlineExceeded => {
                tracing::error!("a transaction did not end before its request's deadline");
                Self::unavailable()
            }
        }
    }
}

/// What a transaction writes, in one run of its closure.
pub type Writes<'run, T, E> =
    Pin<Box<dyn Future<Output = Result<T, TransactionError<E>>> + Send + 'run>>;

/// Tells the compiler that what the closure of a transaction borrows (`'env`) outlives each run of it (`'run`).
///
/// An async closure would need no such thing, but its future is not known to be `Send`
/// (<https://github.com/rust-lang/rust/issues/110338>).
#[derive(Clone, Copy)]
pub struct Scope<'run, 'env: 'run>(PhantomData<&'run &'env ()>);

impl Scope<'_, '_> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

/// Runs `run` in a transaction and commits it, again where MongoDB says that this may help, until shortly before
/// `deadline`. `run` may be called several times; what one call of it writes is committed, or nothing is.
///
/// What transactions write, requests write in transactions only: two of those never wait for each other, the
/// later one is run again. A single write outside waits for the transaction, on a connection that this may
/// need for its commit.
pub async fn run_transaction<'env, T, E>(
    client: &Client,
    deadline: Instant,
    run: impl for<'run> Fn(&'run mut ClientSession, Scope<'run, 'env>) -> Writes<'run, T, E> + Sync,
) -> Result<T, TransactionError<E>> {
    let last_moment = deadline.checked_sub(TIME_TO_END).unwrap_or(deadline);
    let starting = timeout_at(last_moment, client.start_session());
    let started = starting
        .await
        .map_err(|_| TransactionError::DeadlineExceeded)?;
    let mut session = started.map_err(TransactionError::Mongo)?;
    // `timeout_at` lets it begin even where its time is over.
    if Instant::now() >= last_moment {
        return Err(TransactionError::DeadlineExceeded);
    }
    let attempts = attempts(&mut session, &run, last_moment);
    if let Ok(result) = timeout_at(last_moment, attempts).await {
        return result;
    }
    let _ = timeout(TIME_TO_END, end(client, &mut session)).await;
    Err(TransactionError::DeadlineExceeded)
}

async fn attempts<'env, T, E>(
    session: &mut ClientSession,
    run: &(impl for<'run> Fn(&'run mut ClientSession, Scope<'run, 'env>) -> Writes<'run, T, E> + Sync),
    last_moment: Instant,
) -> Result<T, TransactionError<E>> {
    let mut waits = Waits::default();
    loop {
        // Nobody waits for a commit after that; the server need not go on with it.
        let left = last_moment.saturating_duration_since(Instant::now());
        let starting = session.start_transaction();
        starting
            .max_commit_time(left.max(LEAST_COMMIT_TIME))
            .await?;
        let result = match run(session, Scope::new()).await {
            Ok(output) => commit(session, &mut waits)
                .await
                .map(|()| output)
                .map_err(TransactionError::Mongo),
            Err(error) => {
                // Where the abort fails, the server has ended the transaction or will by its time limit.
                let _ = session.abort_transaction().await;
                Err(error)
            }
        };
        match result {
            Err(TransactionError::Mongo(error))
                if error.contains_label(TRANSIENT_TRANSACTION_ERROR) =>
            {
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
