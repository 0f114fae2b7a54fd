//! The driver's options, fit for Lambda. Its defaults wait for a server longer than API Gateway waits for an
//! answer, and keep connections that a thawed function finds dead.

use std::time::Duration;

use mongodb::options::{
    Acknowledgment, ClientOptions, ReadConcern, ReadPreference, ServerMonitoringMode, WriteConcern,
};

use crate::config::Config;

/// Those of a connection string, completed.
pub(crate) fn with_defaults(config: &Config, mut options: ClientOptions) -> ClientOptions {
    options
        .app_name
        .get_or_insert_with(|| "org-management".to_owned());
    options
        .server_selection_timeout
        // Shorter than a start waits, so that it hears why no server was selected.
        .get_or_insert(Duration::from_millis(2500));
    options
        .connect_timeout
        .get_or_insert(Duration::from_secs(3));
    options.max_idle_time.get_or_insert(Duration::from_secs(60));
    options.max_pool_size = options.max_pool_size.or(config.max_connections);
    // As many may be made at once: who waits for one that another is making is in the driver's line.
    options.max_connecting = options.max_connecting.or(config.max_connections);
    // What the driver takes on Lambda anyway. Streaming would learn of a server's recovery only with its next
    // heartbeat, ten seconds later.
    options.server_monitoring_mode = Some(ServerMonitoringMode::Poll);
    // Answers rest on these, whatever the connection string says: a write that was answered is durable, and
    // a read sees it.
    let majority = WriteConcern::builder().w(Acknowledgment::Majority).build();
    options.write_concern = Some(majority);
    options.read_concern = Some(ReadConcern::local());
    options.selection_criteria = Some(ReadPreference::Primary.into());
    options
}
