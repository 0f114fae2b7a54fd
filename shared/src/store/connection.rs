//! A connection to MongoDB, made with one version of the connection string.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use mongodb::event::EventHandler;
use mongodb::event::cmap::{CmapEvent, ConnectionCheckoutFailedReason};
use tokio::time::sleep;

use super::Databases;
use crate::clock::Clock;
use crate::config::Config;
use crate::mongo::{
    ConnectError, ConnectionString, Reachability, check_server, suspicious_errors, with_defaults,
};
use crate::pepper::Pepper;

/// Requests that still use a replaced connection have ended after this.
const RETIREMENT: Duration = Duration::from_secs(30);

pub(super) struct Connection {
    pub databases: Arc<Databases>,
    pub reachability: Reachability,
    is_direct: bool,
    /// Of the secret with the connection string, if a secret has it.
    version_id: Option<String>,
    /// Whether a connection to a server could not be made since the last check.
    has_failed: Arc<AtomicBool>,
    /// [`suspicious_errors`] at the last check.
    errors_at_check: AtomicU64,
}

impl Connection {
    /// Connects to the server and checks that it can be used. Connection string and pepper are fetched at the same time.
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
            check_server(&databases.master, is_direct).await?;
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

    /// Whether its connection string comes from a secret, of which `version_id` is not the version that it was made with.
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

    /// Fails if it was made to one server that cannot be used any more.
    pub async fn check_direct_server(&self) -> Result<(), ConnectError> {
        if !self.is_direct {
            return Ok(());
        }
        let checked = check_server(&self.databases.master, true).await;
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

/// Records that a connection to a server could not be made. The driver does not say why.
fn recording_failures(has_failed: Arc<AtomicBool>) -> EventHandler<CmapEvent> {
    EventHandler::callback(move |event| {
        if let CmapEvent::ConnectionCheckoutFailed(failed) = event
            && failed.reason == ConnectionCheckoutFailedReason::ConnectionError
        {
            has_failed.store(true, Ordering::Relaxed);
        }
    })
}
