//! The connection, with options fit for Lambda.

use std::time::Duration;

use mongodb::Client;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{
    Acknowledgment, ClientOptions, CollectionOptions, ReadConcern, ReadPreference,
    ServerMonitoringMode, WriteConcern,
};
use tokio::sync::OnceCell;

use super::kept_secret::kept_secret;
use super::{Databases, errors};
use crate::clock::Clock;
use crate::config::Config;
use crate::keyed_hash::KeyedHash;
use crate::secrets::SecretError;

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Trying again does not help: the operator must do something.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Unavailable(String),
}

impl From<SecretError> for ConnectError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Unusable { .. } => Self::Refused(error.to_string()),
            SecretError::Unavailable { .. } => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        let text = errors::describe(&error);
        match *error.kind {
            ErrorKind::Authentication { .. } => Self::Refused(format!(
                "MongoDB refused the credentials of the connection string: {text}"
            )),
            _ => Self::Unavailable(format!("MongoDB cannot be reached: {text}")),
        }
    }
}

pub(super) async fn connect(
    config: &Config,
    clock: &Clock,
    options: ClientOptions,
) -> Result<Databases, ConnectError> {
    let client = Client::with_options(options)?;
    let master = client.database(&config.master_db);
    let secret = kept_secret(&master, "keyed-hash").await?;
    Ok(Databases {
        organizations: master.collection("organizations"),
        admins: master.collection("admins"),
        sessions: master.collection("sessions"),
        attempts: master.collection_with_options("attempts", fast_writes()),
        onboardings: master.collection("onboardings"),
        audit_events: master.collection("audit_events"),
        indexes: OnceCell::new(),
        retired_collection_names: master.collection("retired_collection_names"),
        keyed_hash: KeyedHash::new(&secret),
        clock: clock.clone(),
        tenants: client.database(&config.tenant_db),
        client,
    })
}

/// Those of a connection string, completed. The driver's defaults wait for a server longer than API Gateway waits for an answer, and keep
/// connections that a thawed function finds dead.
pub(super) fn options(config: &Config, mut options: ClientOptions) -> ClientOptions {
    options
        .app_name
        .get_or_insert_with(|| "org-management".to_owned());
    options
        .server_selection_timeout
        .get_or_insert(Duration::from_secs(5));
    options
        .connect_timeout
        .get_or_insert(Duration::from_secs(3));
    options.max_idle_time.get_or_insert(Duration::from_secs(60));
    options.max_pool_size = options.max_pool_size.or(config.max_connections);
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

/// For what is written on the way of every login: counts that a failing primary may forget. The next one counts on.
fn fast_writes() -> CollectionOptions {
    let by_the_primary = WriteConcern::builder().w(Acknowledgment::Nodes(1)).build();
    CollectionOptions::builder()
        .write_concern(by_the_primary)
        .build()
}
