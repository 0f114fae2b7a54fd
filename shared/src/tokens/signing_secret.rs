//! The signing secret: where it comes from, and its minimum length.

use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::secrets::{SecretError, SecretVersion, SecretsManager};

/// HS256 requires a key at least as long as its hash (RFC 7518, section 3.2).
pub(super) const MIN_BYTES: usize = 32;

#[derive(Clone)]
pub enum SecretSource {
    /// No secret: this process neither issues nor verifies tokens.
    Unused,
    /// A file of the local server.
    Local(SecretVersion),
    SecretsManager {
        client: Arc<SecretsManager>,
        id: String,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum SigningSecretError {
    #[error("the signing secret has {0} bytes; it needs at least {MIN_BYTES}")]
    TooShort(usize),
    #[error("this function is not configured with JWT_SECRET_ID")]
    Unused,
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl SigningSecretError {
    /// Whether only the operator can fix it.
    pub fn is_permanent(&self) -> bool {
        !matches!(self, Self::Secret(SecretError::Unavailable { .. }))
    }
}

impl SecretSource {
    /// The version to sign with.
    pub(super) async fn current(&self) -> Result<SecretVersion, SigningSecretError> {
        let current = match self {
            Self::Unused => return Err(SigningSecretError::Unused),
            Self::Local(version) => version.clone(),
            Self::SecretsManager { client, id } => client.current(id).await?,
        };
        match bytes(&current) {
            bytes if bytes < MIN_BYTES => Err(SigningSecretError::TooShort(bytes)),
            _ => Ok(current),
        }
    }

    /// The version to sign with, and the previous version, which only verifies.
    pub(super) async fn versions(
        &self,
    ) -> Result<(SecretVersion, Option<SecretVersion>), SigningSecretError> {
        let previous = async {
            match self {
                Self::Unused | Self::Local(_) => Ok(None),
                Self::SecretsManager { client, id } => match client.previous(id).await {
                    // Only tokens that were signed shortly before the rotation need it.
                    Err(error @ SecretError::Unusable { .. }) => {
                        tracing::warn!(%error, "the signing secret before the current one is left out");
                        Ok(None)
                    }
                    previous => Ok(previous?),
                },
            }
        };
        let (current, previous) = tokio::try_join!(self.current(), previous)?;
        Ok((
            current,
            previous.filter(|previous| bytes(previous) >= MIN_BYTES),
        ))
    }
}

fn bytes(version: &SecretVersion) -> usize {
    version.value.expose_secret().len()
}
