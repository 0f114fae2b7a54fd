//! The start of a process: connecting to everything at the same time, and refusing what cannot work.

use std::fmt;
use std::time::Duration;

use crate::config::ConfigErrors;
use crate::mongo::ConnectError;
use crate::state::AppState;
use crate::tokens::SigningSecretError;

/// How long a start waits for MongoDB. Lambda gives a start ten seconds, but while MongoDB is away every start that waits
/// is an environment more.
const STARTUP_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a process does not start. What `main` returns is printed by its `Debug`, here the message itself.
#[derive(thiserror::Error)]
#[error("{0}")]
pub struct StartupError(pub String);

impl fmt::Debug for StartupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl From<ConfigErrors> for StartupError {
    fn from(faults: ConfigErrors) -> Self {
        Self(faults.to_string())
    }
}

/// Connects, before the first request.
///
/// What only an operator can mend refuses the start. What may be back in a moment does not: requests answer
/// 503 until it is.
pub async fn prepare(state: &AppState) -> Result<(), StartupError> {
    tokio::try_join!(prepare_mongo(state), prepare_tokens(state))?;
    Ok(())
}

async fn prepare_mongo(state: &AppState) -> Result<(), StartupError> {
    match state.mongo.connect(STARTUP_TIMEOUT).await {
        Err(ConnectError::Fatal(reason)) => Err(StartupError(reason)),
        Err(ConnectError::Unavailable(reason)) => {
            tracing::error!(reason, "started without MongoDB");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

async fn prepare_tokens(state: &AppState) -> Result<(), StartupError> {
    let prepared = state.tokens.prepare(state.clock.now()).await;
    prepared.or_else(|error: SigningSecretError| {
        if error.is_final() {
            return Err(StartupError(error.to_string()));
        }
        tracing::error!(reason = %error, "started without the signing secret");
        Ok(())
    })
}
