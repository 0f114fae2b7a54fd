//! Removes, on a schedule, what is left of deleted organizations whose time to be restored is over.

use lambda_runtime::Context;
use shared::http::time_left;
use shared::lambda::InvocationError;
use shared::organizations::{Purge, purge_deleted};
use shared::state::AppState;
use tokio::time::Instant;

/// Fails where an organization could not be purged, so that an alarm can tell. The next run goes on with it.
pub async fn purge(state: &AppState, context: &Context) -> Result<Purge, InvocationError> {
    let deadline = Instant::now() + time_left(context);
    let purge = purge_deleted(state, deadline).await?;
    match purge.failed {
        0 => Ok(purge),
        failed => Err(InvocationError::new(
            "OrganizationsNotPurged",
            format!("{failed} organizations could not be purged"),
        )),
    }
}
