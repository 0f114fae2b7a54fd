//! The moment by which a request must be answered.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio::time::Instant;

use crate::lambda::time_left;
use crate::problem::Problem;

/// The longest a caller waits.
const LONGEST: Duration = Duration::from_secs(10);

/// Ten seconds from the request's start, or a second before the function's deadline, whichever is sooner.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);

impl Deadline {
    pub(super) fn of(request: &axum::extract::Request) -> Self {
        let lambda = request.extensions().get::<lambda_runtime::Context>();
        lambda.map_or_else(|| Self(Instant::now() + LONGEST), Self::of_event)
    }

    /// Of an event of Lambda that is no request, and that a request waits for.
    pub fn of_event(context: &lambda_runtime::Context) -> Self {
        Self(Instant::now() + time_left(context).min(LONGEST))
    }
}

impl<S: Sync> FromRequestParts<S> for Deadline {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let deadline = parts.extensions.get::<Self>();
        deadline.copied().ok_or_else(Problem::internal)
    }
}
