//! The moment by which a request must be answered.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio::time::Instant;

use crate::problem::Problem;

/// The longest a caller waits.
const LONGEST: Duration = Duration::from_secs(10);
/// Kept back from a function's own deadline, at which Lambda kills it without an answer.
const BEFORE_LAMBDA: Duration = Duration::from_secs(1);

/// Ten seconds from the request's start, or a second before the function's deadline, whichever is sooner.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);

impl Deadline {
    pub(super) fn of(request: &axum::extract::Request) -> Self {
        let lambda = request.extensions().get::<lambda_runtime::Context>();
        let left = lambda.map_or(LONGEST, |context| left_on_lambda(context.deadline));
        Self(Instant::now() + left.min(LONGEST))
    }
}

/// `deadline` is in milliseconds since 1970.
fn left_on_lambda(deadline: u64) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Duration::from_millis(deadline)
        .saturating_sub(now)
        .saturating_sub(BEFORE_LAMBDA)
}

impl<S: Sync> FromRequestParts<S> for Deadline {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let deadline = parts.extensions.get::<Self>();
        deadline.copied().ok_or_else(Problem::internal)
    }
}
