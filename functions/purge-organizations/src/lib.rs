//! Scheduled job: purges the data of deleted organizations after their grace period.

use lambda_runtime::Context;
use shared::http::remaining_time;
use shared::lambda::InvocationError;
use shared::organizations::{PurgeReport, purge_deleted};
use shared::state::AppState;
use tokio::time::Instant;

/// Fails if an organization could not be purged, so that an alarm can report it. The next run retries it.
pub async fn purge(state: &AppState, context: &Context) -> Result<PurgeReport, InvocationError> {
    let deadline = Instant::now() + remaining_time(context);
    let report = purge_deleted(state, deadline).await?;
    match report.failed {
        0 => Ok(report),
        failed => Err(InvocationError::new(
            "OrganizationsNotPurged",
            format!("{failed} organizations could not be purged"),
        )),
    }
}
