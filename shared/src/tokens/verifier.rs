//! Verifies access tokens, with the checks that the JWT crate leaves out.
//!
//! The checks follow RFC 8725 (best current practices) and RFC 9068 (access tokens).

use std::sync::Arc;

use jsonwebtoken::{Algorithm, Validation};
use mongodb::bson::DateTime;
use serde_json::{Map, Value};

use super::claims::TYPE;
use super::keys::{KeyRing, SigningKey};
use super::{Claims, Tokens, unavailable};
use crate::clock::numeric_date;
use crate::model::{AccountId, OrganizationId, SessionId};
use crate::problem::Problem;

/// How much the clocks of two functions may differ, in seconds.
const CLOCK_SKEW: i64 = 5;
/// Maximum length of a token, in bytes. The service's own are much shorter. A longer one is not decoded.
const MAX_LENGTH: usize = 4096;

/// Account, organization and session of a valid token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    pub account_id: AccountId,
    pub organization_id: OrganizationId,
    pub session_id: SessionId,
}

impl Tokens {
    /// Verifies `token` at `now`.
    pub async fn verify(&self, token: &str, now: DateTime) -> Result<VerifiedToken, Problem> {
        let not_ours = || refused("The token was not issued by this service.");
        let key_id = key_id(token).ok_or_else(not_ours)?;
        let ring = self.ring_for(&key_id, now).await?.ok_or_else(not_ours)?;
        let key = ring.find(&key_id).ok_or_else(not_ours)?;
        let claims = decode(token, key).ok_or_else(not_ours)?;
        if !ring.may_have_signed(&key_id, claims.iat) {
            return Err(not_ours());
        }
        let now = numeric_date(now);
        if claims.exp <= now {
            return Err(refused("The token has expired."));
        }
        self.validate(&claims, now)
            .ok_or_else(|| refused("The token's claims are invalid."))
    }

    /// The keys, including the one with this id. None if there is no such key.
    async fn ring_for(&self, key_id: &str, now: DateTime) -> Result<Option<Arc<KeyRing>>, Problem> {
        let ring = self.keys.ring(now).await.map_err(unavailable)?;
        if ring.find(key_id).is_some() {
            return Ok(Some(ring));
        }
        let ring = self.keys.look_up(key_id, now).await;
        ring.map_err(unavailable)
    }

    fn validate(&self, claims: &Claims, now: i64) -> Option<VerifiedToken> {
        let latest = now.checked_add(CLOCK_SKEW)?;
        let lifetime = claims.exp.checked_sub(claims.iat)?;
        let longest = i64::try_from(self.config.access_token_ttl.as_secs()).ok()?;
        let is_valid = claims.iss == self.config.issuer
            && claims.aud == self.config.audience
            && !claims.jti.is_empty()
            && (0..=latest).contains(&claims.iat)
            && (0..=latest).contains(&claims.nbf)
            && (1..=longest).contains(&lifetime);
        Some(VerifiedToken {
            account_id: AccountId::parse(&claims.sub)?,
            organization_id: OrganizationId::parse(&claims.org)?,
            session_id: SessionId::parse(&claims.sid)?,
        })
        .filter(|_| is_valid)
    }
}

fn refused(detail: &str) -> Problem {
    Problem::invalid_token(detail)
}

/// The claims, if header and signature are valid. Times are checked afterwards, with the process's clock.
fn decode(token: &str, key: &SigningKey) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let decoded = jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation);
    decoded.ok().map(|token| token.claims)
}

/// The `kid` of the header, if the header has exactly the service's three fields. So `jwk`, `jku`, `x5u`, `x5c` and
/// `crit` are refused.
fn key_id(token: &str) -> Option<String> {
    use base64::Engine;
    if token.len() > MAX_LENGTH {
        return None;
    }
    let encoded = token.split('.').next().unwrap_or_default();
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let bytes = engine.decode(encoded).ok()?;
    let header: Map<String, Value> = serde_json::from_slice(&bytes).ok()?;
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    let is_ours = header.len() == 3 && text("alg") == Some("HS256") && text("typ") == Some(TYPE);
    text("kid").filter(|_| is_ours).map(str::to_owned)
}
