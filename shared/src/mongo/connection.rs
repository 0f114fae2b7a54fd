//! A connection, and the one that takes its place when the connection string was replaced.
//!
//! Warm functions live for hours, and a password can be replaced meanwhile. MongoDB tells by refusing new
//! connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mongodb::event::EventHandler;
use mongodb::event::cmap::{CmapEvent, ConnectionCheckoutFailedReason};
use tokio::sync::OnceCell;

use super::connection_string::ConnectionString;
use super::{ConnectError, Databases};
use crate::clock::Clock;
use crate::config::Config;
use crate::secrets::SecretsManager;

pub(super) struct Connection {
    databases: Databases,
    /// Of the connection string that it was made with.
    version_id: Option<String>,
    /// Whether a new connection failed, for whatever reason, since the connection string was last compared.
    doubted: Doubt,
    /// Requests may still use this one while that is made; so it stays.
    successor: OnceCell<Box<Self>>,
}

type Doubt = Arc<AtomicBool>;

/// What connections are made from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub config: &'a Config,
    pub secrets: &'a SecretsManager,
    pub clock: &'a Clock,
}

impl Connection {
    pub async fn make(source: Source<'_>) -> Result<Self, ConnectError> {
        let string = source.connection_string().await?;
        Self::with(source, string).await
    }

    async fn with(
        Source { config, clock, .. }: Source<'_>,
        string: ConnectionString,
    ) -> Result<Self, ConnectError> {
        let doubted = Doubt::default();
        let mut options = super::connect::options(config, string.options().await?);
        options.cmap_event_handler = Some(doubting(Arc::clone(&doubted)));
        Ok(Self {
            databases: super::connect::connect(config, clock, options).await?,
            version_id: string.version_id,
            doubted,
            successor: OnceCell::new(),
        })
    }

    /// This connection's databases, or those of its latest successor. Makes a successor where there is need of one.
    pub async fn latest(&self, source: Source<'_>) -> Result<&Databases, ConnectError> {
        let mut latest = self;
        loop {
            latest = match latest.successor.get() {
                Some(successor) => successor,
                None if !latest.doubted.swap(false, Ordering::Relaxed) => break,
                None => match latest.replace(source).await {
                    Ok(None) => break,
                    Ok(Some(successor)) => successor,
                    Err(error) => {
                        latest.doubted.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                },
            };
        }
        Ok(&latest.databases)
    }

    /// The connection with today's connection string, where that is another than this one's.
    async fn replace(&self, source: Source<'_>) -> Result<Option<&Self>, ConnectError> {
        let string = source.connection_string().await?;
        if string.version_id == self.version_id {
            return Ok(None);
        }
        let make = async || Self::with(source, string).await.map(Box::new);
        let successor = self.successor.get_or_try_init(make).await?;
        tracing::info!("connected to MongoDB with the connection string's new version");
        Ok(Some(successor))
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
