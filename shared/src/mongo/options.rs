//! Driver options for Lambda. The driver's defaults wait for a server longer than API Gateway waits for a response, and
//! keep connections that are dead when a frozen function resumes.

use std::time::Duration;

use mongodb::options::{
    Acknowledgment, ClientOptions, ReadConcern, ReadPreference, ServerMonitoringMode, WriteConcern,
};

use crate::config::Config;

/// Completes the options of a connection string.
pub(crate) fn with_defaults(config: &Config, mut options: ClientOptions) -> ClientOptions {
    options
        .app_name
        .get_or_insert_with(|| "org-management".to_owned());
    options
        .server_selection_timeout
        // Shorter than the startup timeout, so that startup learns why no server was selected.
        .get_or_insert(Duration::from_millis(2500));
    options
        .connect_timeout
        .get_or_insert(Duration::from_secs(3));
    options.max_idle_time.get_or_insert(Duration::from_secs(60));
    options.max_pool_size = options.max_pool_size.or(config.max_connections);
    // All connections may be established at the same time. With a lower limit, requests would wait in the driver's
    // queue.
    options.max_connecting = options.max_connecting.or(config.max_connections);
    // The driver's default on Lambda. Streaming would detect a server's recovery only at the next heartbeat, ten
    // seconds later.
    options.server_monitoring_mode = Some(ServerMonitoringMode::Poll);
    // Required regardless of the connection string: an acknowledged write must be durable and visible to reads.
    let majority = WriteConcern::builder().w(Acknowledgment::Majority).build();
    options.write_concern = Some(majority);
    options.read_concern = Some(ReadConcern::local());
    options.selection_criteria = Some(ReadPreference::Primary.into());
    options
}
