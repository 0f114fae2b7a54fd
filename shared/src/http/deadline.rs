//! The moment by which a request must be answered.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use lambda_runtime::Context;
use tokio::time::Instant;

use crate::problem::Problem;

/// Kept back from a function's own deadline, at which Lambda kills it without an answer.
const BEFORE_DEADLINE: Duration = Duration::from_secs(1);

/// In milliseconds since 1970, as deadlines are. Smaller values are durations, not timestamps: `cargo lambda watch` sends a
/// timeout instead of a deadline.
const FIRST_MOMENT: u64 = 1_000_000_000_000;
/// The longest that a function can be given.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(900);

/// The longest a caller waits.
const LONGEST: Duration = Duration::from_secs(10);

/// Ten seconds from the request's start, or a second before the function's deadline, whichever is sooner.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);

impl Deadline {
    pub(super) fn of(request: &axum::extract::Request) -> Self {
        let lambda = request.extensions().get::<Context>();
        lambda.map_or_else(|| Self(Instant::now() + LONGEST), Self::of_event)
    }

    /// Of an event of Lambda that is no request, and that a request waits for.
    pub fn of_event(context: &Context) -> Self {
        Self(Instant::now() + remaining_time(context).min(LONGEST))
    }
}

impl<S: Sync> FromRequestParts<S> for Deadline {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let deadline = parts.extensions.get::<Self>();
        deadline.copied().ok_or_else(Problem::internal)
    }
}

/// How long an event may take: until a second before the function's deadline.
pub fn remaining_time(context: &Context) -> Duration {
    if context.deadline < FIRST_MOMENT {
        return LONGEST_TIMEOUT;
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    // The deadline is in milliseconds since 1970.
    Duration::from_millis(context.deadline)
        .saturating_sub(now)
        .saturating_sub(BEFORE_DEADLINE)
}
