//! Process startup: connects to all dependencies at the same time, and fails on configuration errors.

use std::fmt;
use std::time::Duration;

use crate::config::ConfigErrors;
use crate::mongo::{ConnectError, SchemaMismatch};
use crate::state::AppState;
use crate::tokens::SigningSecretError;

/// How long startup waits for MongoDB. Lambda allows ten seconds, but during an outage each waiting startup occupies an
/// additional environment.
const STARTUP_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a process does not start. Rust prints the error of `main` with `Debug`, so `Debug` writes the plain message.
#[derive(thiserror::Error)]
pub enum StartupError {
    #[error("{0}")]
    Configuration(String),
    #[error(transparent)]
    Schema(#[from] SchemaMismatch),
}

impl fmt::Debug for StartupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl From<ConfigErrors> for StartupError {
    fn from(faults: ConfigErrors) -> Self {
        Self::Configuration(faults.to_string())
    }
}

/// Connects before the first request.
///
/// Configuration errors stop the process at startup. Outages do not: requests get 503 until the dependency is back.
pub async fn prepare(state: &AppState) -> Result<(), StartupError> {
    tokio::try_join!(prepare_mongo(state), prepare_tokens(state))?;
    Ok(())
}

async fn prepare_mongo(state: &AppState) -> Result<(), StartupError> {
    match state.mongo.connect(STARTUP_TIMEOUT).await {
        Err(ConnectError::Fatal(reason)) => Err(StartupError::Configuration(reason)),
        Err(ConnectError::Schema(mismatch)) => Err(mismatch.into()),
        Err(ConnectError::Unavailable(reason)) => {
            tracing::error!(
                reason,
                "MongoDB is unavailable at startup: requests get 503 until it is back"
            );
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

async fn prepare_tokens(state: &AppState) -> Result<(), StartupError> {
    let prepared = state.tokens.prepare(state.clock.now()).await;
    prepared.or_else(|error: SigningSecretError| {
        if error.is_permanent() {
            return Err(StartupError::Configuration(error.to_string()));
        }
        tracing::error!(reason = %error, "the signing secret is unavailable at startup: requests get 503 until it is back");
        Ok(())
    })
}
