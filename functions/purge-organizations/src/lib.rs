//! Removes, on a schedule, what is left of deleted organizations whose time to be restored is over.

use lambda_runtime::Context;
use shared::http::remaining_time;
use shared::lambda::InvocationError;
use shared::organizations::{PurgeReport, purge_deleted};
use shared::state::AppState;
use tokio::time::Instant;

/// Fails where an organization could not be purged, so that an alarm can tell. The next run goes on with it.
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
