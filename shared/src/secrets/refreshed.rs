//! A value derived from a secret, which may get a new version while the process runs.

use std::fmt::Display;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use mongodb::bson::DateTime;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::clock::{after, before};

/// How often the value is refreshed, and how soon after a failure.
pub(crate) const REFRESH_INTERVAL: Duration = Duration::from_secs(300);
const INTERVAL_AFTER_FAILURE: Duration = Duration::from_secs(30);
/// A value that seems to be outdated is refreshed no more often than this.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// The first request creates the value. Later requests get the stored one; one at a time refreshes it when that is
/// due. If a refresh fails, the stored value stays in use.
pub(crate) struct Refreshed<T> {
    /// For messages.
    name: &'static str,
    /// The longest that a request waits for a refresh.
    timeout: Duration,
    known: RwLock<Option<Known<T>>>,
    /// Locked while a request creates or refreshes the value.
    making: Mutex<()>,
}

struct Known<T> {
    value: Arc<T>,
    /// When it was last refreshed without getting a new value.
    checked_at: Option<DateTime>,
    refresh_at: DateTime,
}

impl<T> Refreshed<T> {
    pub const fn new(name: &'static str, timeout: Duration) -> Self {
        Self {
            name,
            timeout,
            known: RwLock::new(None),
            making: Mutex::const_new(()),
        }
    }

    /// The value, without a refresh.
    pub fn known(&self) -> Option<Arc<T>> {
        self.read(|known| Arc::clone(&known.value))
    }

    /// The value. If there is none yet, one request creates it and the others wait.
    pub async fn get_or_create<E>(
        &self,
        now: DateTime,
        make: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, E> {
        match self.known() {
            Some(value) => Ok(value),
            None => self.create_unless(now, |_| true, make).await,
        }
    }

    /// Creates the value again, unless the stored one is `current` after other requests have stored theirs.
    pub async fn create_unless<E>(
        &self,
        now: DateTime,
        current: impl Fn(&T) -> bool,
        make: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, E> {
        let _making = self.making.lock().await;
        match self.known().filter(|value| current(value)) {
            Some(value) => Ok(value),
            None => Ok(self.set(make.await?, now)),
        }
    }

    /// Whether it is time for a refresh. A value that seems `outdated` is refreshed sooner.
    pub fn is_due(&self, now: DateTime, outdated: bool) -> bool {
        let is_due = self.read(|known| {
            let may_check = known
                .checked_at
                .is_none_or(|checked_at| checked_at <= before(now, MIN_INTERVAL));
            known.refresh_at <= now || outdated && may_check
        });
        is_due.unwrap_or_default()
    }

    /// Refreshes the value `seen`, unless another request does or has replaced it. `make` returns None if the value is
    /// still current. The result is the new value, if there is one.
    pub async fn refresh<E: Display>(
        &self,
        seen: &Arc<T>,
        now: DateTime,
        make: impl Future<Output = Result<Option<T>, E>>,
    ) -> Option<Arc<T>> {
        let _making = self.making.try_lock().ok()?;
        self.known().filter(|known| Arc::ptr_eq(known, seen))?;
        // Other requests need not wait for this one.
        self.schedule(now, INTERVAL_AFTER_FAILURE);
        match timeout(self.timeout, make).await {
            Ok(Ok(Some(value))) => return Some(self.set(value, now)),
            Ok(Ok(None)) => self.schedule(now, REFRESH_INTERVAL),
            Ok(Err(error)) => tracing::warn!(%error, "{} is not refreshed", self.name),
            Err(_) => tracing::warn!("{} is not refreshed: no response in time", self.name),
        }
        None
    }

    fn set(&self, value: T, now: DateTime) -> Arc<T> {
        let value = Arc::new(value);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        *known = Some(Known {
            value: Arc::clone(&value),
            checked_at: None,
            refresh_at: after(now, REFRESH_INTERVAL),
        });
        value
    }

    fn schedule(&self, now: DateTime, interval: Duration) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_mut() {
            known.checked_at = Some(now);
            known.refresh_at = after(now, interval);
        }
    }

    fn read<R>(&self, read: impl FnOnce(&Known<T>) -> R) -> Option<R> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: DateTime = DateTime::from_millis(1_764_072_000_000);

    async fn refreshed() -> Refreshed<u8> {
        let value = Refreshed::new("the value", Duration::from_millis(50));
        let made = value
            .get_or_create(START, async { Ok::<_, String>(1) })
            .await;
        assert_eq!(*made.unwrap(), 1);
        value
    }

    fn later(seconds: u64) -> DateTime {
        after(START, Duration::from_secs(seconds))
    }

    #[tokio::test]
    async fn a_value_is_due_after_the_interval() {
        let value = refreshed().await;
        assert!(!value.is_due(later(299), false));
        assert!(value.is_due(later(300), false));
        let seen = value.known().unwrap();
        let replacing = async || {
            value
                .refresh(&seen, later(300), async { Ok::<_, String>(Some(2)) })
                .await
        };
        assert_eq!(replacing().await.as_deref(), Some(&2));
        // A request that still has the old value does not replace the new one.
        assert!(replacing().await.is_none());
        assert_eq!(value.known().as_deref(), Some(&2));
        assert!(!value.is_due(later(599), false));
    }

    #[tokio::test]
    async fn a_failed_refresh_keeps_the_value_and_is_retried_sooner() {
        let value = refreshed().await;
        let failing = async { Err::<Option<u8>, _>("unavailable") };
        let seen = value.known().unwrap();
        assert!(value.refresh(&seen, later(300), failing).await.is_none());
        let hanging = std::future::pending::<Result<Option<u8>, String>>();
        assert!(value.refresh(&seen, later(330), hanging).await.is_none());
        assert_eq!(value.known().as_deref(), Some(&1));
        assert!(!value.is_due(later(359), false));
        assert!(value.is_due(later(360), false));
    }

    #[tokio::test]
    async fn a_value_that_seems_outdated_is_due_once_a_second() {
        let value = refreshed().await;
        assert!(value.is_due(later(1), true));
        let current = async { Ok::<Option<u8>, String>(None) };
        let seen = value.known().unwrap();
        assert!(value.refresh(&seen, later(1), current).await.is_none());
        assert!(!value.is_due(later(1), true));
        assert!(value.is_due(later(2), true));
    }
}
