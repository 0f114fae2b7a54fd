//! MongoDB: one client per process, connected on its first use.

mod connect;
mod connection;
mod connection_string;
mod errors;
mod indexes;
mod kept_secret;
mod transaction;

use std::sync::Arc;

use mongodb::bson::Document;
use mongodb::{Client, Collection, Database};
use tokio::sync::OnceCell;

use crate::admins::Admin;
use crate::audit::Event;
use crate::clock::Clock;
use crate::config::Config;
use crate::keyed_hash::KeyedHash;
use crate::organizations::{Onboarding, Organization};
use crate::problem::Problem;
use crate::secrets::SecretsManager;
use crate::sessions::Session;

use connection::{Connection, Source};

pub use connect::ConnectError;
pub use errors::{
    duplicate_index, is_duplicate, is_unreadable, is_write_conflict, log_error,
    names_existing_collection,
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
    first: OnceCell<Connection>,
}

/// The service's databases, ready for use. Nobody outside this crate can name a tenant's collection: see
/// [`TenantCollection`](crate::organizations::TenantCollection).
pub struct Databases {
    pub(crate) client: Client,
    pub(crate) organizations: Collection<Organization>,
    pub(crate) admins: Collection<Admin>,
    pub(crate) sessions: Collection<Session>,
    pub(crate) attempts: Collection<Document>,
    pub(crate) onboardings: Collection<Onboarding>,
    pub(crate) audit_events: Collection<Event>,
    /// Names of purged collections, which are given to nobody again.
    pub(crate) retired_collection_names: Collection<Document>,
    pub(crate) keyed_hash: KeyedHash,
    /// The documents' moments are its.
    pub(crate) clock: Clock,
    /// Holds the tenants' collections.
    pub(crate) tenants: Database,
    /// Whether this process has made the indexes.
    indexes: OnceCell<()>,
}

impl Mongo {
    pub fn new(config: Config, secrets: Arc<SecretsManager>, clock: Clock) -> Self {
        Self {
            config,
            secrets,
            clock,
            first: OnceCell::new(),
        }
    }

    /// Connects, if that has not been done yet with today's connection string, and says why it cannot.
    pub async fn connect(&self) -> Result<&Databases, ConnectError> {
        let source = Source {
            config: &self.config,
            secrets: &self.secrets,
            clock: &self.clock,
        };
        let first = self.first.get_or_try_init(|| Connection::make(source));
        first.await?.latest(source).await
    }

    /// As [`Self::connect`], for a request: the reason goes to the log.
    pub async fn databases(&self) -> Result<&Databases, Problem> {
        self.connect().await.map_err(|error| {
            tracing::error!(%error, "MongoDB cannot be used");
            Problem::unavailable()
        })
    }

    /// Whether MongoDB answers now.
    pub async fn ping(&self) -> Result<(), Problem> {
        let client = &self.databases().await?.client;
        let ping = mongodb::bson::doc! { "ping": 1 };
        client.database("admin").run_command(ping).await?;
        Ok(())
    }
}
