//! The clock, and arithmetic with timestamps of documents. MongoDB's dates have millisecond precision.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::DateTime;

/// Source of the current time, for expiry and limits. Tests supply their own.
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

/// The system clock.
impl Default for Clock {
    fn default() -> Self {
        Self::new(DateTime::now)
    }
}

/// Whole seconds since 1970: the NumericDate of tokens (RFC 7519, section 2).
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

/// The time from `now` to `later`. Zero if `later` is in the past.
pub(crate) fn between(now: DateTime, later: DateTime) -> Duration {
    let wait = later
        .timestamp_millis()
        .saturating_sub(now.timestamp_millis());
    Duration::from_millis(u64::try_from(wait).unwrap_or_default())
}

/// The last millisecond of the year 9999, since 1970: the latest timestamp of RFC 3339.
const LAST_MILLIS: i64 = 253_402_300_799_999;

/// Formats a timestamp as RFC 3339, always with milliseconds, so the strings sort chronologically. Times before 1970 or
/// after 9999 are clamped.
pub fn date_time(moment: DateTime) -> String {
    let moment = DateTime::from_millis(moment.timestamp_millis().clamp(0, LAST_MILLIS));
    let text = moment.try_to_rfc3339_string().unwrap_or_default();
    let text = text.trim_end_matches('Z');
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{seconds}.{fraction:0<3}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_always_have_milliseconds() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_764_072_000_120, "2025-11-25T12:00:00.120Z"),
            (i64::MIN, "1970-01-01T00:00:00.000Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
            (1_764_072_000_123, "2025-11-25T12:00:00.123Z"),
        ] {
            assert_eq!(date_time(DateTime::from_millis(millis)), text);
        }
    }
}
