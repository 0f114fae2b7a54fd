//! Purges deleted organizations periodically, as the schedule of the stack does on AWS.

use std::sync::Arc;
use std::time::Duration;

use shared::organizations::purge_deleted;
use shared::state::AppState;
use tokio::time::{Instant, interval};

const INTERVAL: Duration = Duration::from_secs(60);

/// Never ends.
pub async fn purge_on_schedule(state: Arc<AppState>) {
    let mut times = interval(INTERVAL);
    loop {
        times.tick().await;
        // Failures are logged, and retried by the next run.
        let _ = purge_deleted(&state, Instant::now() + INTERVAL).await;
    }
}
