//! Access tokens: JWTs that say which admin of which organization is calling (RFC 9068).

mod authenticated_admin;
mod claims;
mod issuer;
mod signing_secret;
mod token_response;
mod verifier;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use secrecy::ExposeSecret;
use tokio::sync::OnceCell;

use crate::config::TokenConfig;
use crate::problem::Problem;

pub use authenticated_admin::{AuthenticatedAdmin, Secured};
pub use claims::Claims;
pub use issuer::AccessToken;
pub use signing_secret::{SecretSource, SigningSecretError};
pub use token_response::TokenResponse;
pub use verifier::Bearer;

/// The media type of an access token (RFC 9068, section 2.1).
const TYPE: &str = "at+jwt";

/// Makes and checks tokens. The signing secret is fetched on its first use; a failed fetch is tried again by
/// the next who asks.
pub struct Tokens {
    config: TokenConfig,
    source: SecretSource,
    key: OnceCell<SigningKey>,
}

struct SigningKey {
    header: Header,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Tokens {
    pub fn new(config: TokenConfig, source: SecretSource) -> Self {
        Self {
            config,
            source,
            key: OnceCell::new(),
        }
    }

    /// Fetches the signing secret, if that has not been done yet, and says why it cannot.
    pub async fn prepare(&self) -> Result<(), SigningSecretError> {
        self.key().await.map(|_| ())
    }

    /// As [`Self::prepare`], for a request: the reason goes to the log.
    async fn signing_key(&self) -> Result<&SigningKey, Problem> {
        self.key().await.map_err(|error| {
            tracing::error!(%error, "the signing secret cannot be used");
            Problem::unavailable()
        })
    }

    async fn key(&self) -> Result<&SigningKey, SigningSecretError> {
        let fetch = || async {
            let secret = self.source.current().await?;
            let mut header = Header::new(Algorithm::HS256);
            header.typ = Some(TYPE.to_owned());
            header.kid = Some(secret.version_id);
            let bytes = secret.value.expose_secret().as_bytes();
            Ok(SigningKey {
                header,
                encoding: EncodingKey::from_secret(bytes),
                decoding: DecodingKey::from_secret(bytes),
            })
        };
        self.key.get_or_try_init(fetch).await
    }
}
