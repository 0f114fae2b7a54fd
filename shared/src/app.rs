//! What a process builds once and every request shares.

use std::sync::Arc;

use axum::extract::FromRef;

use crate::admins::Hasher;
use crate::clock::Clock;
use crate::config::{Config, TrustedProxy};
use crate::mongo::Mongo;
use crate::secrets::SecretsManager;

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
