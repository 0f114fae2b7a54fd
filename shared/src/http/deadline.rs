//! The time by which a request must have its response.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use lambda_runtime::Context;
use tokio::time::Instant;

use crate::problem::Problem;

/// The longest that a client waits for a response.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Time reserved before a function's own deadline, at which Lambda kills it without a response.
const RESERVE: Duration = Duration::from_secs(1);

/// In milliseconds since 1970, as deadlines are. Smaller values are durations, not timestamps: `cargo lambda watch`
/// sends a timeout instead of a deadline.
const EARLIEST_DEADLINE: u64 = 1_000_000_000_000;
/// The longest timeout that a function can have.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(900);

/// The request's timeout, or one second before the function's deadline if that is sooner.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);

impl Deadline {
    pub(super) fn of(request: &Request, timeout: Duration) -> Self {
        let remaining = match request.extensions().get::<Context>() {
            Some(context) => remaining_time(context).min(timeout),
            None => timeout,
        };
        Self(Instant::now() + remaining)
    }

    /// The deadline of an invocation that is not an HTTP request, but that an HTTP request waits for.
    pub fn of_event(context: &Context) -> Self {
        Self(Instant::now() + remaining_time(context).min(REQUEST_TIMEOUT))
    }
}

impl<S: Sync> FromRequestParts<S> for Deadline {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let deadline = parts.extensions.get::<Self>();
        deadline.copied().ok_or_else(Problem::internal)
    }
}

/// How long an invocation may still take: until one second before the function's deadline.
pub fn remaining_time(context: &Context) -> Duration {
    if context.deadline < EARLIEST_DEADLINE {
        return LONGEST_TIMEOUT;
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Duration::from_millis(context.deadline)
        .saturating_sub(now)
        .saturating_sub(RESERVE)
}
