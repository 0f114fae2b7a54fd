//! State that a process builds once and all requests share.

use std::sync::Arc;

use axum::extract::FromRef;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::config::{Config, TrustedProxy};
use crate::password_hasher::PasswordHasher;
use crate::secrets::SecretsManager;
use crate::store::Mongo;
use crate::tokens::Tokens;

pub struct AppState {
    pub config: Config,
    pub mongo: Mongo,
    pub hasher: PasswordHasher,
    /// Without a signing secret in a function that neither issues nor verifies tokens.
    pub tokens: Tokens,
    pub clock: Clock,
    /// Notified after a request wrote to the outbox. The relay of the local server waits for it.
    pub outbox_written: Notify,
}

impl AppState {
    /// Does not connect yet: see [`Mongo::connect`].
    pub fn new(config: Config, tokens: Tokens, secrets: Arc<SecretsManager>) -> Self {
        Self::with_clock(config, tokens, secrets, Clock::default())
    }

    pub fn with_clock(
        config: Config,
        tokens: Tokens,
        secrets: Arc<SecretsManager>,
        clock: Clock,
    ) -> Self {
        Self {
            mongo: Mongo::new(config.clone(), secrets, clock.clone()),
            hasher: PasswordHasher::new(config.bcrypt_cost),
            tokens,
            config,
            clock,
            outbox_written: Notify::new(),
        }
    }
}

impl FromRef<Arc<AppState>> for TrustedProxy {
    fn from_ref(state: &Arc<AppState>) -> Self {
        state.config.trusted_proxy.clone()
    }
}
