//! Runs bcrypt outside the async threads: one hash per core at a time, with a bounded queue.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use tokio::sync::{Semaphore, TryAcquireError};

use crate::problem::Problem;
use crate::values::{Password, PasswordHash};

/// Maximum number of waiting and running hashes per core. At 250 ms each, the last one completes before its request's
/// deadline.
const QUEUE_PER_CORE: usize = 36;

pub struct PasswordHasher {
    cost: u32,
    /// Created for the first hash, so that startup need not count cores.
    permits: LazyLock<Permits>,
    computed: Arc<AtomicU64>,
}

/// Result of comparing a password with a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Different,
    Matches,
    /// The hash is of the unprepared password, as older hashes are.
    MatchesUnprepared,
}

impl Comparison {
    pub fn is_match(self) -> bool {
        self != Self::Different
    }
}

struct Permits {
    cores: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Permits {
    fn count() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cores: Arc::new(Semaphore::new(cores)),
            queue: Arc::new(Semaphore::new(cores * QUEUE_PER_CORE)),
        }
    }
}

impl PasswordHasher {
    pub fn new(cost: u32) -> Self {
        Self {
            cost,
            permits: LazyLock::new(Permits::count),
            computed: Arc::default(),
        }
    }

    /// The cost of new hashes.
    pub fn cost(&self) -> u32 {
        self.cost
    }

    /// Number of hashes computed or compared.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    pub async fn hash(&self, password: Password) -> Result<PasswordHash, Problem> {
        let cost = self.cost;
        let hashed = self
            .run(move || PasswordHash::compute(&password, cost))
            .await?;
        hashed.map_err(|_| Problem::internal())
    }

    /// A wrong password takes the same time for every hash. Otherwise the hash's cost and form would reveal that the
    /// account exists. If a password has two forms, both are always compared.
    pub async fn verify(
        &self,
        hash: PasswordHash,
        password: Password,
    ) -> Result<Comparison, Problem> {
        let cost = self.cost;
        let verify = move || {
            let matches = hash.verify(&password);
            let unprepared = password.unprepared();
            let matches_unprepared = unprepared.as_ref().is_some_and(|form| hash.verify(form));
            if !matches && !matches_unprepared {
                for form in [Some(&password), unprepared.as_ref()].into_iter().flatten() {
                    hash.equalize_cost(cost, form);
                }
            }
            match (matches, matches_unprepared) {
                (true, _) => Comparison::Matches,
                (false, true) => Comparison::MatchesUnprepared,
                (false, false) => Comparison::Different,
            }
        };
        self.run(verify).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let place = Arc::clone(&self.permits.queue)
            .try_acquire_owned()
            .map_err(|error| match error {
                TryAcquireError::NoPermits => {
                    tracing::warn!("the queue of password hashes is full: a request gets 503");
                    Problem::unavailable()
                }
                TryAcquireError::Closed => Problem::internal(),
            })?;
        let core = Arc::clone(&self.permits.cores).acquire_owned().await;
        let core = core.map_err(|_| Problem::internal())?;
        let computed = Arc::clone(&self.computed);
        // The task holds the permits: a cancelled request does not release a core that is still busy.
        let task = tokio::task::spawn_blocking(move || {
            let _permits = (place, core);
            computed.fetch_add(1, Ordering::Relaxed);
            work()
        });
        task.await.map_err(|_| Problem::internal())
    }
}
