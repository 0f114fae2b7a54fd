//! A process's connection to MongoDB: opened by the first request, and replaced when the secret with the
//! connection string has a new version.
//!
//! Warm functions live for hours, and the database user or its password may change meanwhile. The version is compared
//! every few minutes, and with the next request after an error that may come from the connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::Databases;
use super::connection::Connection;
use crate::clock::Clock;
use crate::config::Config;
use crate::mongo::{ConnectError, ConnectionString, is_connection_failure};
use crate::pepper::Pepper;
use crate::problem::Problem;
use crate::secrets::{Refreshed, SecretsManager};

/// How long a request waits for a writable server if the driver's monitors have found none. Short, because on Lambda
/// every waiting request occupies an environment.
const OUTAGE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a request waits for its process's first connection, or for one that replaces it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);
/// How long a request that has a connection waits for Secrets Manager.
const SECRET_TIMEOUT: Duration = Duration::from_secs(1);

pub struct Mongo {
    config: Config,
    secrets: Arc<SecretsManager>,
    clock: Clock,
    connection: Refreshed<Connection>,
    /// Fetched once in the life of a process.
    pepper: OnceCell<Pepper>,
}

impl Mongo {
    pub fn new(config: Config, secrets: Arc<SecretsManager>, clock: Clock) -> Self {
        Self {
            config,
            secrets,
            clock,
            connection: Refreshed::new("the connection to MongoDB", CONNECT_TIMEOUT),
            pepper: OnceCell::new(),
        }
    }

    /// Connects, if that has not been done yet. Waits at most for `limit`.
    pub async fn connect(&self, limit: Duration) -> Result<(), ConnectError> {
        self.connection(limit).await.map(drop)
    }

    /// Whether a connection has been opened.
    pub fn is_connected(&self) -> bool {
        self.connection.known().is_some()
    }

    /// The databases, for a request. An error is logged. While MongoDB is unreachable, fails after `OUTAGE_TIMEOUT`.
    pub async fn databases(&self) -> Result<Arc<Databases>, Problem> {
        let connection = self.connection(CONNECT_TIMEOUT).await?;
        if !connection.reachability.has_writable_server() {
            let selecting = timeout(OUTAGE_TIMEOUT, connection.databases.ping()).await;
            selecting.map_err(|_| no_response())??;
        }
        Ok(Arc::clone(&connection.databases))
    }

    /// Whether MongoDB can be reached and lets the service read what it needs.
    pub async fn probe(&self) -> Result<(), Problem> {
        let databases = self.databases().await?;
        match databases.probe().await {
            // For example after a restart of the server. The driver retries only some commands.
            Err(error) if is_connection_failure(&error) => databases.probe().await?,
            result => result?,
        }
        Ok(())
    }

    async fn connection(&self, limit: Duration) -> Result<Arc<Connection>, ConnectError> {
        let connecting = timeout(limit, self.latest_connection()).await;
        connecting.unwrap_or_else(|_| Err(no_response()))
    }

    async fn latest_connection(&self) -> Result<Arc<Connection>, ConnectError> {
        let now = self.clock.now();
        let connection = match self.connection.known() {
            Some(connection) => connection,
            // Boxed, because otherwise every request's future would reserve memory for this rare case.
            None => {
                let open = self.open(self.connection_string());
                Box::pin(self.connection.get_or_create(now, open)).await?
            }
        };
        if self.connection.is_due(now, connection.needs_check()) {
            return Box::pin(self.check(connection)).await;
        }
        Ok(connection)
    }

    /// The connection, or the one that replaces it. Fails if the connection cannot be used any more.
    async fn check(&self, connection: Arc<Connection>) -> Result<Arc<Connection>, ConnectError> {
        let needs_check = connection.needs_check();
        connection.begin_check();
        let refreshing = self.replacement(&connection);
        let now = self.clock.now();
        if let Some(replacement) = self.connection.refresh(&connection, now, refreshing).await {
            tracing::info!("connected to MongoDB with the connection string's new version");
            connection.retire();
            return Ok(replacement);
        }
        if needs_check {
            connection.check_direct_server().await?;
        }
        Ok(connection)
    }

    /// A new connection, if the secret with the connection string has a new version.
    async fn replacement(&self, current: &Connection) -> Result<Option<Connection>, ConnectError> {
        if !current.has_secret() {
            return Ok(None);
        }
        let fetching = timeout(SECRET_TIMEOUT, self.connection_string()).await;
        let string = fetching.unwrap_or_else(|_| {
            let late = "Secrets Manager did not return the connection string in time";
            Err(ConnectError::Unavailable(late.to_owned()))
        })?;
        match current.is_replaced_by(string.version_id.as_ref()) {
            true => self.open(async { Ok(string) }).await.map(Some),
            false => Ok(None),
        }
    }

    async fn open(
        &self,
        string: impl Future<Output = Result<ConnectionString, ConnectError>>,
    ) -> Result<Connection, ConnectError> {
        Connection::open(&self.config, &self.clock, string, self.pepper()).await
    }

    async fn connection_string(&self) -> Result<ConnectionString, ConnectError> {
        ConnectionString::current(&self.config.mongodb, &self.secrets).await
    }

    /// None in a function that is not configured with the pepper.
    async fn pepper(&self) -> Result<Option<Pepper>, ConnectError> {
        let Some(pepper) = &self.config.pepper else {
            return Ok(None);
        };
        let fetch = async || {
            let (pepper, _) = self.secrets.resolve(pepper).await?;
            Pepper::new(&pepper).map_err(|error| ConnectError::Fatal(error.to_string()))
        };
        self.pepper.get_or_try_init(fetch).await.cloned().map(Some)
    }
}

fn no_response() -> ConnectError {
    ConnectError::Unavailable("MongoDB did not respond in time".to_owned())
}
