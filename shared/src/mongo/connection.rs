//! A connection, and the one that takes its place when the connection string was replaced.
//!
//! Warm functions live for hours, and a password can be replaced meanwhile. MongoDB tells by refusing new
//! connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mongodb::event::EventHandler;
use mongodb::event::cmap::{CmapEvent, ConnectionCheckoutFailedReason};
use tokio::sync::{Mutex, OnceCell};
use tokio::time::{sleep, timeout};

use super::connection_string::ConnectionString;
use super::{ConnectError, Databases, options};
use crate::clock::Clock;
use crate::config::Config;
use crate::secrets::SecretsManager;

/// A request that could be served with what there is waits for so long.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longer than any request takes.
const GRACE: Duration = Duration::from_secs(30);

/// A place for a connection, which the first who needs it makes.
#[derive(Default)]
pub(super) struct Place(OnceCell<Box<Connection>>);

struct Connection {
    databases: Databases,
    /// Of the connection string that it was made with.
    version_id: Option<String>,
    /// Whether a new connection failed, for whatever reason, since the connection string was last compared.
    doubted: Doubt,
    /// Locked by the one of several requests that looks into a doubt.
    comparing: Mutex<()>,
    /// Requests may still use this one while that is made; so it stays.
    successor: Place,
}

type Doubt = Arc<AtomicBool>;

/// What connections are made from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub config: &'a Config,
    pub secrets: &'a SecretsManager,
    pub clock: &'a Clock,
}

impl Place {
    /// The databases of the connection, or of its latest successor.
    pub async fn databases(&self, source: Source<'_>) -> Result<&Databases, ConnectError> {
        let mut latest = match self.made() {
            Some(made) => made,
            // Boxed, or every request would have room for what hardly any of them does.
            None => Box::pin(self.connection(source, None)).await?,
        };
        while let Some(successor) = latest.successor(source).await {
            latest = successor;
        }
        Ok(&latest.databases)
    }

    fn made(&self) -> Option<&Connection> {
        self.0.get().map(Box::as_ref)
    }

    /// Where there is none yet, one is made with `string`, or today's.
    async fn connection(
        &self,
        source: Source<'_>,
        string: Option<ConnectionString>,
    ) -> Result<&Connection, ConnectError> {
        let make = async || {
            let string = match string {
                Some(string) => string,
                None => source.connection_string().await?,
            };
            Connection::make(source, string).await.map(Box::new)
        };
        self.0.get_or_try_init(make).await.map(Box::as_ref)
    }
}

impl Connection {
    async fn make(
        Source { config, clock, .. }: Source<'_>,
        string: ConnectionString,
    ) -> Result<Self, ConnectError> {
        let doubted = Doubt::default();
        let mut options = options::completed(config, string.options().await?);
        options.cmap_event_handler = Some(doubting(Arc::clone(&doubted)));
        Ok(Self {
            databases: Databases::open(config, clock, options).await?,
            version_id: string.version_id,
            doubted,
            comparing: Mutex::new(()),
            successor: Place::default(),
        })
    }

    /// Makes it first, where there is a need of one.
    async fn successor(&self, source: Source<'_>) -> Option<&Self> {
        if self.successor.made().is_none()
            && self.doubted.load(Ordering::Relaxed)
            && let Ok(_comparing) = self.comparing.try_lock()
        {
            // Boxed for the same reason.
            if let Err(error) = Box::pin(self.replace(source)).await {
                // This one may still do, or do again.
                tracing::warn!(%error, "the connection to MongoDB is not replaced");
            }
            self.doubted.store(false, Ordering::Relaxed);
        }
        self.successor.made()
    }

    /// Makes the successor, if there is another connection string today.
    async fn replace(&self, source: Source<'_>) -> Result<(), ConnectError> {
        let asking = timeout(PATIENCE, source.connection_string()).await;
        let string = asking.unwrap_or_else(|_| {
            let late = "Secrets Manager did not answer in time for the connection string";
            Err(ConnectError::Unavailable(late.to_owned()))
        })?;
        if string.version_id != self.version_id {
            self.successor.connection(source, Some(string)).await?;
            tracing::info!("connected to MongoDB with the connection string's new version");
            self.retire();
        }
        Ok(())
    }

    /// Closes what is open, once no request can use it any more.
    fn retire(&self) {
        let client = self.databases.client.clone();
        tokio::spawn(async move {
            sleep(GRACE).await;
            client.shutdown().await;
        });
    }
}

impl Source<'_> {
    async fn connection_string(&self) -> Result<ConnectionString, ConnectError> {
        ConnectionString::current(&self.config.mongodb, self.secrets).await
    }
}

/// Notes when a connection cannot be made. The driver does not say why.
fn doubting(doubt: Doubt) -> EventHandler<CmapEvent> {
    EventHandler::callback(move |event| {
        if let CmapEvent::ConnectionCheckoutFailed(failed) = event
            && failed.reason == ConnectionCheckoutFailedReason::ConnectionError
        {
            doubt.store(true, Ordering::Relaxed);
        }
    })
}
