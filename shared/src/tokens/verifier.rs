//! Checks access tokens, everything that the JWT crate does not check by itself included.
//!
//! What is asked of a token: RFC 8725 (best current practices) and RFC 9068 (access tokens).

use jsonwebtoken::{Algorithm, Validation};
use mongodb::bson::oid::ObjectId;
use serde_json::{Map, Value};

use super::{Claims, SigningKey, TYPE, Tokens};
use crate::problem::Problem;

/// Clocks of two functions may differ by so much, in seconds.
const CLOCK_SKEW: i64 = 5;
/// The longest lifetime that can be configured, in seconds.
const MAX_LIFETIME: i64 = 86_400;
/// No token of ours comes near; a longer one is not even decoded.
const MAX_LENGTH: usize = 4096;

/// Whom a good token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bearer {
    pub admin_id: ObjectId,
    pub organization_id: ObjectId,
    pub session_id: ObjectId,
}

impl Tokens {
    /// Whom `token` is for at `now` (seconds since 1970), or why it is refused.
    pub async fn verify(&self, token: &str, now: i64) -> Result<Bearer, Problem> {
        let key = self.signing_key().await?;
        let claims =
            decode(token, key).ok_or_else(|| refused("The token is not one of this service."))?;
        if claims.exp <= now {
            return Err(refused("The token has expired."));
        }
        self.whom(&claims, now)
            .ok_or_else(|| refused("The token's claims are not those of this service."))
    }

    fn whom(&self, claims: &Claims, now: i64) -> Option<Bearer> {
        let latest = now.checked_add(CLOCK_SKEW)?;
        let lifetime = claims.exp.checked_sub(claims.iat)?;
        let good = claims.iss == self.config.issuer
            && claims.aud == self.config.audience
            && !claims.jti.is_empty()
            && claims.iat >= 0
            && claims.iat <= latest
            && claims.nbf <= latest
            && (1..=MAX_LIFETIME).contains(&lifetime);
        Some(Bearer {
            admin_id: ObjectId::parse_str(&claims.sub).ok()?,
            organization_id: ObjectId::parse_str(&claims.org).ok()?,
            session_id: ObjectId::parse_str(&claims.sid).ok()?,
        })
        .filter(|_| good)
    }
}

fn refused(detail: &str) -> Problem {
    Problem::invalid_token(detail)
}

/// The claims, where header and signature are right. `exp` and the like are checked on the claims, with the
/// caller's clock.
fn decode(token: &str, key: &SigningKey) -> Option<Claims> {
    if token.len() > MAX_LENGTH || !is_our_header(token, key) {
        return None;
    }
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let decoded = jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation);
    decoded.ok().map(|token| token.claims)
}

/// Whether the header says what ours say, and nothing that asks for more: a `jwk`, `jku`, `x5u`, `x5c` or
/// `crit` is in none of ours.
fn is_our_header(token: &str, key: &SigningKey) -> bool {
    use base64::Engine;
    let encoded = token.split('.').next().unwrap_or_default();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(encoded);
    let header = bytes
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Map<String, Value>>(&bytes).ok());
    header.is_some_and(|header| {
        let text = |name: &str| header.get(name).and_then(Value::as_str);
        header.len() == 3
            && text("alg") == Some("HS256")
            && text("typ") == Some(TYPE)
            && text("kid") == key.header.kid.as_deref()
    })
}
