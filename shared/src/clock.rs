//! Arithmetic with the moments that documents hold. MongoDB's dates have milliseconds.

use std::time::Duration;

use mongodb::bson::DateTime;

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
