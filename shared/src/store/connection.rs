//! A connection to MongoDB, and the one that replaces it once the secret with the connection string has a new version.
//!
//! Warm functions live for hours, and the database user or its password may be replaced meanwhile. The version of the
//! secret is compared every few minutes, and with the next request after an error that may come from the connection.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use mongodb::bson::DateTime;
use mongodb::event::EventHandler;
use mongodb::event::cmap::{CmapEvent, ConnectionCheckoutFailedReason};
use tokio::sync::{Mutex, OnceCell};
use tokio::time::{sleep, timeout};

use super::Databases;
use crate::clock::{Clock, after, between};
use crate::config::Config;
use crate::mongo::{ConnectError, ConnectionString, Reachability, check_server, completed, doubts};
use crate::pepper::Pepper;
use crate::secrets::SecretsManager;

/// A request that could be served by the present connection waits for Secrets Manager no longer than this.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(1);
/// The version of the connection string is compared this often, and sooner after a failure to do so.
const REFRESH_INTERVAL: Duration = Duration::from_secs(300);
const REFRESH_INTERVAL_AFTER_FAILURE: Duration = Duration::from_secs(30);
/// Errors that last start a check no more often than this.
const MIN_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Requests that still use a replaced connection have ended after this.
const RETIREMENT: Duration = Duration::from_secs(30);

/// A place for a connection, which the first request makes.
#[derive(Default)]
pub(super) struct ConnectionSlot(OnceCell<Box<Connection>>);

pub(super) struct Connection {
    pub databases: Databases,
    pub reachability: Reachability,
    is_direct: bool,
    /// Of the connection string that it was made with.
    version_id: Option<String>,
    /// Whether a new connection failed, for whatever reason, since the last check.
    has_failed: Arc<AtomicBool>,
    /// [`doubts`] at the last check.
    doubts: AtomicU64,
    refresh_at: RwLock<DateTime>,
    /// Locked during a check, by one of several requests. When the last one began.
    checking: Mutex<Option<DateTime>>,
    /// Requests may still use this connection while its successor is made, so it stays.
    successor: ConnectionSlot,
}

/// What connections are made from.
#[derive(Clone, Copy)]
pub(super) struct ConnectionParameters<'a> {
    pub config: &'a Config,
    pub secrets: &'a SecretsManager,
    pub clock: &'a Clock,
    /// Fetched once in the life of a process.
    pub pepper: &'a OnceCell<Pepper>,
}

impl ConnectionSlot {
    /// The connection, or its latest successor.
    pub async fn latest(
        &self,
        parameters: ConnectionParameters<'_>,
    ) -> Result<&Connection, ConnectError> {
        let mut latest = match self.made() {
            Some(made) => made,
            // Boxed, or every request would have room for what hardly any of them does.
            None => Box::pin(self.connection(parameters, None)).await?,
        };
        while let Some(successor) = latest.successor(parameters).await? {
            latest = successor;
        }
        Ok(latest)
    }

    fn made(&self) -> Option<&Connection> {
        self.0.get().map(Box::as_ref)
    }

    /// Makes the connection unless it exists, with `string`, or with the current connection string.
    async fn connection(
        &self,
        parameters: ConnectionParameters<'_>,
        string: Option<ConnectionString>,
    ) -> Result<&Connection, ConnectError> {
        let make = async || {
            let string = async {
                match string {
                    Some(string) => Ok(string),
                    None => parameters.connection_string().await,
                }
            };
            Connection::make(parameters, string).await.map(Box::new)
        };
        self.0.get_or_try_init(make).await.map(Box::as_ref)
    }
}

impl Connection {
    /// Fetches the connection string and the pepper side by side.
    async fn make(
        parameters: ConnectionParameters<'_>,
        string: impl Future<Output = Result<ConnectionString, ConnectError>>,
    ) -> Result<Self, ConnectError> {
        let ConnectionParameters { config, clock, .. } = parameters;
        let has_failed: Arc<AtomicBool> = Arc::default();
        let reachability = Reachability::default();
        let opening = async {
            let string = string.await?;
            let mut options = completed(config, string.options().await?);
            options.cmap_event_handler = Some(noting_failures(Arc::clone(&has_failed)));
            options.sdam_event_handler = Some(reachability.event_handler());
            let is_direct = options.direct_connection == Some(true);
            let databases = Databases::open(config, clock, options)?;
            check_server(&databases.master, is_direct).await?;
            Ok((databases, is_direct, string.version_id))
        };
        let (opened, pepper) = tokio::try_join!(opening, parameters.pepper())?;
        let (databases, is_direct, version_id) = opened;
        Ok(Self {
            databases: databases.with_keyed_hash(pepper),
            reachability,
            is_direct,
            version_id,
            has_failed,
            doubts: AtomicU64::new(doubts()),
            refresh_at: RwLock::new(after(clock.now(), REFRESH_INTERVAL)),
            checking: Mutex::default(),
            successor: ConnectionSlot::default(),
        })
    }

    /// The connection that replaces this one, made now if there is a new connection string. Fails if this connection
    /// has become useless.
    async fn successor(
        &self,
        parameters: ConnectionParameters<'_>,
    ) -> Result<Option<&Self>, ConnectError> {
        let now = parameters.clock.now();
        if self.successor.made().is_none()
            && self.needs_check(now)
            && let Ok(mut last_check) = self.checking.try_lock()
            && last_check.is_none_or(|last| between(last, now) >= MIN_CHECK_INTERVAL)
        {
            *last_check = Some(now);
            // Boxed for the same reason.
            Box::pin(self.check(parameters)).await?;
        }
        Ok(self.successor.made())
    }

    fn needs_check(&self, now: DateTime) -> bool {
        self.is_doubtful()
            || *self
                .refresh_at
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                <= now
    }

    fn is_doubtful(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed) || self.doubts.load(Ordering::Relaxed) != doubts()
    }

    async fn check(&self, parameters: ConnectionParameters<'_>) -> Result<(), ConnectError> {
        let was_doubtful = self.is_doubtful();
        self.has_failed.store(false, Ordering::Relaxed);
        self.doubts.store(doubts(), Ordering::Relaxed);
        let interval = match self.refresh(parameters).await {
            Ok(()) => REFRESH_INTERVAL,
            Err(error) => {
                // This connection may still do, or do again.
                tracing::warn!(%error, "the connection to MongoDB is not replaced");
                REFRESH_INTERVAL_AFTER_FAILURE
            }
        };
        *self
            .refresh_at
            .write()
            .unwrap_or_else(PoisonError::into_inner) = after(parameters.clock.now(), interval);
        if was_doubtful && self.is_direct && self.successor.made().is_none() {
            let checked = check_server(&self.databases.master, true).await;
            if let Err(refused @ ConnectError::Fatal(_)) = checked {
                self.has_failed.store(true, Ordering::Relaxed);
                return Err(refused);
            }
        }
        Ok(())
    }

    /// Makes the successor, if the connection string has a new version.
    async fn refresh(&self, parameters: ConnectionParameters<'_>) -> Result<(), ConnectError> {
        if self.version_id.is_none() {
            return Ok(());
        }
        let asking = timeout(REFRESH_TIMEOUT, parameters.connection_string()).await;
        let string = asking.unwrap_or_else(|_| {
            let late = "Secrets Manager did not answer in time for the connection string";
            Err(ConnectError::Unavailable(late.to_owned()))
        })?;
        if string.version_id != self.version_id {
            self.successor.connection(parameters, Some(string)).await?;
            tracing::info!("connected to MongoDB with the connection string's new version");
            self.retire();
        }
        Ok(())
    }

    /// Closes what is open, once no request uses it any more.
    fn retire(&self) {
        let client = self.databases.client.clone();
        tokio::spawn(async move {
            sleep(RETIREMENT).await;
            client.shutdown().await;
        });
    }
}

impl ConnectionParameters<'_> {
    async fn connection_string(&self) -> Result<ConnectionString, ConnectError> {
        ConnectionString::current(&self.config.mongodb, self.secrets).await
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

/// Notes when a connection cannot be made. The driver does not say why.
fn noting_failures(has_failed: Arc<AtomicBool>) -> EventHandler<CmapEvent> {
    EventHandler::callback(move |event| {
        if let CmapEvent::ConnectionCheckoutFailed(failed) = event
            && failed.reason == ConnectionCheckoutFailedReason::ConnectionError
        {
            has_failed.store(true, Ordering::Relaxed);
        }
    })
}
