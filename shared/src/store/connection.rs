//! A connection to MongoDB, opened with one version of the connection string.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use mongodb::event::EventHandler;
use mongodb::event::cmap::{CmapEvent, ConnectionCheckoutFailedReason};
use tokio::time::sleep;

use super::Databases;
use super::schema::find_version;
use crate::clock::Clock;
use crate::config::Config;
use crate::mongo::{
    ConnectError, ConnectionString, Reachability, check_server, suspicious_errors, with_defaults,
};
use crate::pepper::Pepper;

/// How long a replaced connection stays open, for the requests that still use it.
const RETIREMENT: Duration = Duration::from_secs(30);

pub(super) struct Connection {
    pub databases: Arc<Databases>,
    pub reachability: Reachability,
    is_direct: bool,
    /// Version of the secret with the connection string. None if the string is not in a secret.
    version_id: Option<String>,
    /// Whether an attempt to connect to a server failed since the last check.
    has_failed: Arc<AtomicBool>,
    /// [`suspicious_errors`] at the last check.
    errors_at_check: AtomicU64,
}

impl Connection {
    /// Connects to the server and checks that it can be used. Connection string and pepper are fetched at the same
    /// time.
    pub async fn open(
        config: &Config,
        clock: &Clock,
        string: impl Future<Output = Result<ConnectionString, ConnectError>>,
        pepper: impl Future<Output = Result<Option<Pepper>, ConnectError>>,
    ) -> Result<Self, ConnectError> {
        let has_failed: Arc<AtomicBool> = Arc::default();
        let reachability = Reachability::default();
        let opening = async {
            let string = string.await?;
            let mut options = with_defaults(config, string.options().await?);
            options.cmap_event_handler = Some(recording_failures(Arc::clone(&has_failed)));
            options.sdam_event_handler = Some(reachability.event_handler());
            let is_direct = options.direct_connection == Some(true);
            let databases = Databases::open(config, clock, options)?;
            let version = check_server(&databases.master, find_version(), is_direct).await?;
            databases.check_schema(&version).await?;
            Ok((databases, is_direct, string.version_id))
        };
        let (opened, pepper) = tokio::try_join!(opening, pepper)?;
        let (databases, is_direct, version_id) = opened;
        Ok(Self {
            databases: Arc::new(databases.with_pepper(pepper)),
            reachability,
            is_direct,
            version_id,
            has_failed,
            errors_at_check: AtomicU64::new(suspicious_errors()),
        })
    }

    /// Whether `version_id` is another version of the secret than the one that this connection was opened with.
    pub fn is_replaced_by(&self, version_id: Option<&String>) -> bool {
        self.version_id.as_ref() != version_id
    }

    pub fn has_secret(&self) -> bool {
        self.version_id.is_some()
    }

    /// Whether an error since the last check may come from the connection: its user was replaced, or its server is not
    /// the primary any more.
    pub fn needs_check(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
            || self.errors_at_check.load(Ordering::Relaxed) != suspicious_errors()
    }

    pub fn begin_check(&self) {
        self.has_failed.store(false, Ordering::Relaxed);
        self.errors_at_check
            .store(suspicious_errors(), Ordering::Relaxed);
    }

    /// Fails if this is a direct connection to a server that cannot be used any more.
    pub async fn check_direct_server(&self) -> Result<(), ConnectError> {
        if !self.is_direct {
            return Ok(());
        }
        let checked = check_server(&self.databases.master, find_version(), true).await;
        match checked {
            Err(error @ ConnectError::Fatal(_)) => {
                self.has_failed.store(true, Ordering::Relaxed);
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Closes it, once no request uses it any more.
    pub fn retire(&self) {
        let client = self.databases.client.clone();
        tokio::spawn(async move {
            sleep(RETIREMENT).await;
            client.shutdown().await;
        });
    }
}

/// Records failed attempts to connect to a server. The driver does not report the reason.
fn recording_failures(has_failed: Arc<AtomicBool>) -> EventHandler<CmapEvent> {
    EventHandler::callback(move |event| {
        if let CmapEvent::ConnectionCheckoutFailed(failed) = event
            && failed.reason == ConnectionCheckoutFailedReason::ConnectionError
        {
            has_failed.store(true, Ordering::Relaxed);
        }
    })
}
