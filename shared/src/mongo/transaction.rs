//! Transactions with a deadline.
//!
//! The driver's own retry loop runs for 120 seconds, and leaves the abort of an abandoned transaction to a background
//! task that a frozen Lambda function never runs. Here, every exit path has ended the transaction, or told the server
//! to end it.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard as StdMutexGuard, PoisonError, Weak};
use std::time::Duration;

use mongodb::bson::doc;
use mongodb::error::{Error, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use mongodb::{Client, ClientSession};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::errors::describe;
use super::log_error;
use crate::problem::Problem;

/// Time reserved before the deadline to end an unfinished transaction. After a lost connection, the driver checks the
/// server again half a second later.
const TIME_TO_END: Duration = Duration::from_millis(1200);
/// The shortest time limit of a commit. Zero would mean no limit.
const MIN_COMMIT_TIME: Duration = Duration::from_millis(1);
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// Why a transaction was not committed. A closure returns one of the first two variants to end its transaction.
#[derive(Debug)]
pub enum TransactionError<E> {
    /// The closure aborted the transaction for this reason. Nothing was written.
    Aborted(E),
    /// MongoDB failed. Nothing was written. If a closure returns a transient error, the transaction is retried.
    Mongo(Error),
    /// The outcome is unknown: the transaction was not committed, or its commit was not confirmed.
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
                tracing::error!("a transaction exceeded the request's deadline");
                Self::unavailable()
            }
        }
    }
}

/// The future of one run of a transaction's closure.
pub type Writes<'run, T, E> =
    Pin<Box<dyn Future<Output = Result<T, TransactionError<E>>> + Send + 'run>>;

/// Tells the compiler that the borrows of a transaction's closure (`'env`) outlive each of its runs (`'run`).
///
/// An async closure would not need this, but its future cannot be required to be `Send`
/// (<https://github.com/rust-lang/rust/issues/110338>).
#[derive(Clone, Copy)]
pub struct Scope<'run, 'env: 'run>(PhantomData<&'run &'env ()>);

impl Scope<'_, '_> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

/// The session of one run of a transaction. It runs one statement at a time.
#[derive(Clone, Debug)]
pub struct TransactionSession {
    session: Weak<Mutex<ClientSession>>,
    run: Weak<Run>,
}

/// One run of a transaction's closure.
#[derive(Debug, Default)]
struct Run {
    /// The first statement that failed. The server may have aborted the transaction for it.
    failure: StdMutex<Option<Error>>,
}

impl Run {
    fn failure(&self) -> StdMutexGuard<'_, Option<Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TransactionSession {
    /// Waits for the statement in progress. None if the run has ended.
    pub async fn lock(&self) -> Option<OwnedMutexGuard<ClientSession>> {
        let locked = self.session.upgrade()?.lock_owned().await;
        self.run.upgrade().map(|_| locked)
    }

    /// Records the failure of a statement. The transaction is then not committed, even if the closure ignores it.
    pub fn recorded<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let (Err(error), Some(run)) = (&result, self.run.upgrade()) {
            run.failure().get_or_insert_with(|| error.clone());
        }
        result
    }
}

/// Like `run_in_session`, for a closure that borrows the session.
pub async fn run_transaction<'env, T, E>(
    client: &Client,
    deadline: Instant,
    run: impl for<'run> Fn(&'run mut ClientSession, Scope<'run, 'env>) -> Writes<'run, T, E> + Sync,
) -> Result<T, TransactionError<E>> {
    run_dyn(client, deadline, &run).await
}

/// Compiled once for each type of result, and not for each closure: the loop is large.
async fn run_dyn<'env, T, E>(
    client: &Client,
    deadline: Instant,
    run: &(
         dyn for<'run> Fn(&'run mut ClientSession, Scope<'run, 'env>) -> Writes<'run, T, E> + Sync
     ),
) -> Result<T, TransactionError<E>> {
    let run_borrowing = async move |session: TransactionSession| {
        let session = session.lock().await;
        let mut session = session.ok_or(TransactionError::DeadlineExceeded)?;
        run(&mut session, Scope::new()).await
    };
    run_in_session(client, deadline, run_borrowing).await
}

/// Runs `run` in a transaction and commits it. Retries transient errors until shortly before `deadline`, so `run` may
/// be called several times. Either all writes of one call are committed, or none.
///
/// If any transaction writes a document of the control plane, every request must write it in a transaction. Two
/// conflicting transactions never wait for each other: the later one is retried. A single write would wait for the
/// transaction, and hold a connection that the transaction may need for its commit. The purge waits: its writes are not
/// those of a request.
pub async fn run_in_session<T, E, F>(
    client: &Client,
    deadline: Instant,
    run: impl Fn(TransactionSession) -> F,
) -> Result<T, TransactionError<E>>
where
    F: Future<Output = Result<T, TransactionError<E>>> + Send,
{
    let stop_at = deadline.checked_sub(TIME_TO_END).unwrap_or(deadline);
    let starting = timeout_at(stop_at, client.start_session());
    let started = starting
        .await
        .map_err(|_| TransactionError::DeadlineExceeded)?;
    let session = Arc::new(Mutex::new(started.map_err(TransactionError::Mongo)?));
    // `timeout_at` polls the future once even after the time.
    if Instant::now() >= stop_at {
        return Err(TransactionError::DeadlineExceeded);
    }
    let running = run_until_committed(&session, &run, stop_at);
    if let Ok(result) = timeout_at(stop_at, running).await {
        return result;
    }
    let _ = timeout(TIME_TO_END, async {
        end(client, &mut *session.lock().await).await;
    })
    .await;
    Err(TransactionError::DeadlineExceeded)
}

async fn run_until_committed<T, E, F>(
    session: &Arc<Mutex<ClientSession>>,
    run: &impl Fn(TransactionSession) -> F,
    stop_at: Instant,
) -> Result<T, TransactionError<E>>
where
    F: Future<Output = Result<T, TransactionError<E>>> + Send,
{
    let mut backoff = Backoff::default();
    loop {
        start(&mut *session.lock().await, stop_at).await?;
        let active = Arc::new(Run::default());
        let result = run(TransactionSession {
            session: Arc::downgrade(session),
            run: Arc::downgrade(&active),
        });
        let result = result.await;
        let mut session = session.lock().await;
        let failure = active.failure().take();
        drop(active);
        let result = match failure {
            Some(error) => result.and(Err(TransactionError::Mongo(error))),
            None => result,
        };
        let result = match result {
            Ok(output) => commit(&mut session, &mut backoff)
                .await
                .map(|()| output)
                .map_err(TransactionError::Mongo),
            Err(error) => {
                // If the abort fails, the server has ended the transaction or will at its time limit.
                let _ = session.abort_transaction().await;
                Err(error)
            }
        };
        drop(session);
        match result {
            Err(TransactionError::Mongo(error))
                if error.contains_label(TRANSIENT_TRANSACTION_ERROR) =>
            {
                tracing::info!(error = describe(&error), "retrying a transaction");
                backoff.sleep().await;
            }
            result => return result,
        }
    }
}

async fn start(session: &mut ClientSession, stop_at: Instant) -> Result<(), Error> {
    // No request waits for the commit after that time, so the server may abandon it.
    let left = stop_at.saturating_duration_since(Instant::now());
    let starting = session.start_transaction();
    starting.max_commit_time(left.max(MIN_COMMIT_TIME)).await
}

/// Retries a commit whose result is unknown. The server commits a transaction only once.
async fn commit(session: &mut ClientSession, backoff: &mut Backoff) -> Result<(), Error> {
    loop {
        match session.commit_transaction().await {
            Err(error) if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) => {
                tracing::info!(error = describe(&error), "retrying a commit");
                backoff.sleep().await;
            }
            result => return result,
        }
    }
}

/// Ends all operations of the session on the server, including commands in progress, so that no write appears after the
/// response and no lock remains.
///
/// Shared clusters (Atlas M0 and Flex) do not support `killSessions`. There the transaction is aborted, which waits for
/// the command in progress. If that is the first command, the driver does not know of a transaction yet, and the server
/// ends it at its own time limit (one minute).
async fn end(client: &Client, session: &mut ClientSession) {
    let command = doc! { "killSessions": [session.id().clone()] };
    let Err(error) = client.database("admin").run_command(command).await else {
        return;
    };
    tracing::warn!(
        error = describe(&error),
        "killSessions failed: the transaction is aborted"
    );
    if let Err(error) = session.abort_transaction().await {
        log_error(&error);
    }
}

/// Exponential backoff with jitter, so that conflicting transactions do not retry at the same time.
struct Backoff {
    wait: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { wait: FIRST_WAIT }
    }
}

impl Backoff {
    async fn sleep(&mut self) {
        sleep(self.wait.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }
}
