//! MongoDB: one client per process, connected on its first use, and replaced with its connection string.

mod connect_error;
mod connection;
mod connection_string;
mod databases;
mod errors;
mod indexes;
mod options;
mod topology;
mod transaction;

use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::clock::Clock;
use crate::config::Config;
use crate::keyed_hash::KeyedHash;
use crate::problem::Problem;
use crate::secrets::SecretsManager;

use connection::{Place, Source};
use errors::is_connection_failure;

pub use connect_error::ConnectError;
pub use databases::Databases;
pub use errors::{
    duplicate_index, is_duplicate, is_write_conflict, log_error, names_existing_collection,
};
pub use transaction::{Transaction, TransactionError, run_transaction};

/// Unique indexes of the control plane, by the name that a duplicate key error carries.
pub mod index {
    /// Every collection has it.
    pub const ID: &str = "_id_";
    pub const NAME_KEY: &str = "name_key";
    pub const COLLECTION_NAME: &str = "collection_name";
    pub const EMAIL_KEY: &str = "email_key";
}

/// MongoDB as this process reaches it. A failed connection is tried again by the next who asks.
pub struct Mongo {
    config: Config,
    secrets: Arc<SecretsManager>,
    clock: Clock,
    connection: Place,
    keyed_hash: OnceCell<KeyedHash>,
}

impl Mongo {
    pub fn new(config: Config, secrets: Arc<SecretsManager>, clock: Clock) -> Self {
        Self {
            config,
            secrets,
            clock,
            connection: Place::default(),
            keyed_hash: OnceCell::new(),
        }
    }

    /// Connects, if that has not been done yet, and says why it cannot.
    pub async fn connect(&self) -> Result<&Databases, ConnectError> {
        let source = Source {
            config: &self.config,
            secrets: &self.secrets,
            clock: &self.clock,
            keyed_hash: &self.keyed_hash,
        };
        self.connection.databases(source).await
    }

    /// As [`Self::connect`], for a request: the reason goes to the log.
    pub async fn databases(&self) -> Result<&Databases, Problem> {
        Ok(self.connect().await?)
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
