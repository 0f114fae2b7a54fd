//! Issues access tokens.

use std::time::Duration;

use mongodb::bson::DateTime;

use super::{Claims, Tokens, unavailable};
use crate::clock::{between, numeric_date};
use crate::model::{Principal, Session};
use crate::problem::Problem;

pub struct AccessToken {
    pub jwt: String,
    pub expires_in: Duration,
}

impl Tokens {
    /// A token for `principal` from `now` on. It expires with the session at the latest.
    pub(crate) async fn issue(
        &self,
        principal: &Principal,
        session: &Session,
        now: DateTime,
    ) -> Result<AccessToken, Problem> {
        let ring = self.keys.ring(now).await.map_err(unavailable)?;
        let key = &ring.current;
        let lifetime = self.lifetime(session, now);
        let claims = self
            .claims(principal, session, now, lifetime)
            .ok_or_else(Problem::internal)?;
        let jwt = jsonwebtoken::encode(&key.header, &claims, &key.encoding).map_err(|error| {
            tracing::error!(%error, "a token could not be signed");
            Problem::internal()
        })?;
        Ok(AccessToken {
            jwt,
            expires_in: lifetime,
        })
    }

    /// In whole seconds.
    fn lifetime(&self, session: &Session, now: DateTime) -> Duration {
        let left = between(now, session.expires_at);
        Duration::from_secs(self.config.access_token_ttl.min(left).as_secs())
    }

    fn claims(
        &self,
        principal: &Principal,
        session: &Session,
        now: DateTime,
        lifetime: Duration,
    ) -> Option<Claims> {
        let issued = numeric_date(now);
        let lifetime = i64::try_from(lifetime.as_secs()).ok()?;
        Some(Claims {
            iss: self.config.issuer.clone(),
            aud: self.config.audience.clone(),
            sub: principal.account.id.to_hex(),
            org: principal.organization.id.to_hex(),
            role: principal.membership.role,
            iat: issued,
            nbf: issued,
            exp: issued.checked_add(lifetime)?,
            jti: random_id()?,
            sid: session.id.to_hex(),
        })
    }
}

/// 128 random bits, in base64url.
fn random_id() -> Option<String> {
    use base64::Engine;
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}
