//! What a process builds once and every request shares.

use std::sync::Arc;

use crate::admins::Hasher;
use crate::config::Config;
use crate::mongo::Mongo;
use crate::secrets::SecretsManager;

pub struct App {
    pub config: Config,
    pub mongo: Mongo,
    pub hasher: Hasher,
}

impl App {
    /// Connects to nothing yet: see [`Mongo::connect`].
    pub fn new(config: Config, secrets: Arc<SecretsManager>) -> Self {
        Self {
            mongo: Mongo::new(config.clone(), secrets),
            hasher: Hasher::new(config.bcrypt_cost),
            config,
        }
    }
}
