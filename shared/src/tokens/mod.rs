//! Access tokens: JWTs that name the account and the organization of a caller (RFC 9068).

mod claims;
mod issuer;
mod keys;
mod rotation;
mod signing_secret;
mod token_response;
mod verifier;

use mongodb::bson::DateTime;

use self::keys::Keys;
use crate::config::TokenConfig;
use crate::problem::Problem;

pub use claims::Claims;
pub use issuer::AccessToken;
pub use rotation::{RotationError, RotationEvent, Step, rotate};
pub use signing_secret::{SecretSource, SigningSecretError};
pub use token_response::TokenResponse;
pub use verifier::VerifiedToken;

/// Issues and verifies access tokens.
pub struct Tokens {
    config: TokenConfig,
    keys: Keys,
}

impl Tokens {
    pub fn new(config: TokenConfig, source: SecretSource) -> Self {
        Self {
            config,
            keys: Keys::new(source),
        }
    }

    /// Fetches the signing secret, if this process has one.
    pub async fn prepare(&self, now: DateTime) -> Result<(), SigningSecretError> {
        match self.keys.ring(now).await {
            Ok(_) | Err(SigningSecretError::Unused) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The error goes to the log.
fn unavailable(error: SigningSecretError) -> Problem {
    tracing::error!(%error, "the signing secret cannot be used");
    Problem::unavailable()
}
