//! The service's collections in MongoDB: one client per process, connected on its first use, and replaced with its
//! connection string.

mod alive_session;
mod connection;
mod databases;
mod indexes;
mod lease;
mod lock;
mod write;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::config::Config;
use crate::mongo::{ConnectError, is_connection_failure};
use crate::pepper::Pepper;
use crate::problem::Problem;
use crate::secrets::SecretsManager;

use connection::{Connection, ConnectionParameters, ConnectionSlot};

pub(crate) use alive_session::alive;
pub use databases::Databases;
pub use lease::Lease;
pub(crate) use lock::lock_admin;

/// Unique indexes of the control plane, by the name that a duplicate key error carries.
pub mod index {
    /// Every collection has it.
    pub const ID: &str = "_id_";
    pub const NAME_KEY: &str = "name_key";
    pub const COLLECTION_NAME: &str = "collection_name";
    pub const EMAIL_KEY: &str = "email_key";
}

/// How long a request waits for a server that takes writes, where the driver's monitors know of none. Short, because on
/// Lambda every waiting request is an environment of its own.
const OUTAGE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a request waits for its process's first connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// MongoDB as this process reaches it. A failed connection is tried again by the next request.
pub struct Mongo {
    config: Config,
    secrets: Arc<SecretsManager>,
    clock: Clock,
    connection: ConnectionSlot,
    pepper: OnceCell<Pepper>,
}

impl Mongo {
    pub fn new(config: Config, secrets: Arc<SecretsManager>, clock: Clock) -> Self {
        Self {
            config,
            secrets,
            clock,
            connection: ConnectionSlot::default(),
            pepper: OnceCell::new(),
        }
    }

    /// Connects, if that has not been done yet, and says why it cannot. Waits for `limit` at most.
    pub async fn connect(&self, limit: Duration) -> Result<(), ConnectError> {
        self.connection(limit).await.map(drop)
    }

    /// As [`Self::connect`], for a request: the reason goes to the log. Fails soon where MongoDB is known to be away.
    pub async fn databases(&self) -> Result<&Databases, Problem> {
        let connection = self.connection(CONNECT_TIMEOUT).await?;
        if !connection.reachability.is_known() {
            let selecting = timeout(OUTAGE_TIMEOUT, connection.databases.ping()).await;
            selecting.map_err(|_| away())??;
        }
        Ok(&connection.databases)
    }

    async fn connection(&self, limit: Duration) -> Result<&Connection, ConnectError> {
        let source = ConnectionParameters {
            config: &self.config,
            secrets: &self.secrets,
            clock: &self.clock,
            pepper: &self.pepper,
        };
        let connecting = timeout(limit, self.connection.latest(source)).await;
        connecting.unwrap_or_else(|_| Err(away()))
    }

    /// Whether MongoDB can be reached and lets the service read what it needs.
    pub async fn probe(&self) -> Result<(), Problem> {
        let databases = self.databases().await?;
        match databases.probe().await {
            // After a restart of the server, say. The driver retries some commands only.
            Err(error) if is_connection_failure(&error) => databases.probe().await?,
            result => result?,
        }
        Ok(())
    }
}

fn away() -> ConnectError {
    ConnectError::Unavailable("MongoDB did not answer in time".to_owned())
}
