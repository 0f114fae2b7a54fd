//! Purges deleted organizations again and again, as the schedule of the stack does on AWS.

use std::sync::Arc;
use std::time::Duration;

use shared::organizations::purge_deleted;
use shared::state::App;
use tokio::time::{Instant, interval};

const INTERVAL: Duration = Duration::from_secs(60);

/// Never ends.
pub async fn purge_on_schedule(app: Arc<App>) {
    let mut times = interval(INTERVAL);
    loop {
        times.tick().await;
        // What fails is in the log, and is tried again next time.
        let _ = purge_deleted(&app, Instant::now() + INTERVAL).await;
    }
}
