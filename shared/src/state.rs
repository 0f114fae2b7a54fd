//! What a process builds once and every request shares.

use std::sync::Arc;

use axum::extract::FromRef;

use crate::clock::Clock;
use crate::config::{Config, TrustedProxy};
use crate::hasher::Hasher;
use crate::secrets::SecretsManager;
use crate::store::Mongo;
use crate::tokens::Tokens;

pub struct App {
    pub config: Config,
    pub mongo: Mongo,
    pub hasher: Hasher,
    pub clock: Clock,
}

impl App {
    /// Connects to nothing yet: see [`Mongo::connect`].
    pub fn new(config: Config, secrets: Arc<SecretsManager>) -> Self {
        Self::with_clock(config, secrets, Clock::default())
    }

    pub fn with_clock(config: Config, secrets: Arc<SecretsManager>, clock: Clock) -> Self {
        Self {
            mongo: Mongo::new(config.clone(), secrets, clock.clone()),
            hasher: Hasher::new(config.bcrypt_cost),
            config,
            clock,
        }
    }
}

impl FromRef<Arc<App>> for TrustedProxy {
    fn from_ref(app: &Arc<App>) -> Self {
        app.config.trusted_proxy.clone()
    }
}

/// The state of handlers that read or make tokens.
#[derive(Clone)]
pub struct Secured {
    pub app: Arc<App>,
    pub tokens: Arc<Tokens>,
}

impl FromRef<Secured> for TrustedProxy {
    fn from_ref(secured: &Secured) -> Self {
        Self::from_ref(&secured.app)
    }
}
