//! What time it is, and arithmetic with the moments that documents hold. MongoDB's dates have milliseconds.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::DateTime;

/// The clock that decides what has expired, whose turn it is and when. A test brings its own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime + Send + Sync>);

impl Clock {
    pub fn new(now: impl Fn() -> DateTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub fn now(&self) -> DateTime {
        (self.0)()
    }
}

/// The system's clock.
impl Default for Clock {
    fn default() -> Self {
        Self::new(DateTime::now)
    }
}

/// In whole seconds since 1970, as tokens count (NumericDate, RFC 7519, section 2).
pub(crate) fn numeric_date(moment: DateTime) -> i64 {
    moment.timestamp_millis().div_euclid(1000)
}

pub(crate) fn after(now: DateTime, wait: Duration) -> DateTime {
    let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    DateTime::from_millis(now.timestamp_millis().saturating_add(wait))
}

pub(crate) fn before(now: DateTime, wait: Duration) -> DateTime {
    let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    DateTime::from_millis(now.timestamp_millis().saturating_sub(wait))
}

/// Zero where `later` is past.
pub(crate) fn between(now: DateTime, later: DateTime) -> Duration {
    let wait = later
        .timestamp_millis()
        .saturating_sub(now.timestamp_millis());
    Duration::from_millis(u64::try_from(wait).unwrap_or_default())
}
