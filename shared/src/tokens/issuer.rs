//! Issues access tokens.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret;
use tokio::sync::OnceCell;

use super::{Claims, SecretSource, SigningSecretError};
use crate::admins::Admin;
use crate::config::TokenConfig;
use crate::problem::Problem;

/// The media type of an access token (RFC 9068, section 2.1).
const TYPE: &str = "at+jwt";

/// Fetches the signing secret on its first use; a failed fetch is tried again by the next who asks.
pub struct TokenIssuer {
    config: TokenConfig,
    source: SecretSource,
    key: OnceCell<SigningKey>,
}

pub struct AccessToken {
    pub jwt: String,
    pub expires_in: Duration,
}

struct SigningKey {
    header: Header,
    key: EncodingKey,
}

impl TokenIssuer {
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

    /// A token for `admin` that is good from now on.
    pub async fn issue(&self, admin: &Admin) -> Result<AccessToken, Problem> {
        let signing = self.key().await.map_err(|error| {
            tracing::error!(%error, "no token can be signed");
            Problem::unavailable()
        })?;
        let claims = self.claims(admin).ok_or_else(Problem::internal)?;
        let jwt =
            jsonwebtoken::encode(&signing.header, &claims, &signing.key).map_err(|error| {
                tracing::error!(%error, "a token could not be signed");
                Problem::internal()
            })?;
        Ok(AccessToken {
            jwt,
            expires_in: self.config.access_token_ttl,
        })
    }

    fn claims(&self, admin: &Admin) -> Option<Claims> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let issued = i64::try_from(now).ok()?;
        let lifetime = i64::try_from(self.config.access_token_ttl.as_secs()).ok()?;
        Some(Claims {
            iss: self.config.issuer.clone(),
            aud: self.config.audience.clone(),
            sub: admin.id.to_hex(),
            org: admin.organization_id.to_hex(),
            role: admin.role,
            iat: issued,
            nbf: issued,
            exp: issued.checked_add(lifetime)?,
            jti: random_id()?,
        })
    }

    async fn key(&self) -> Result<&SigningKey, SigningSecretError> {
        let fetch = || async {
            let secret = self.source.current().await?;
            let mut header = Header::new(Algorithm::HS256);
            header.typ = Some(TYPE.to_owned());
            header.kid = Some(secret.version_id);
            let key = EncodingKey::from_secret(secret.value.expose_secret().as_bytes());
            Ok(SigningKey { header, key })
        };
        self.key.get_or_try_init(fetch).await
    }
}

/// 128 random bits, in base64url.
fn random_id() -> Option<String> {
    use base64::Engine;
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}
