//! The claims of an access token.

use serde::{Deserialize, Serialize};

use crate::model::Role;

/// The media type of an access token (RFC 9068, section 2.1).
pub(super) const TYPE: &str = "at+jwt";

/// Times are NumericDates: whole seconds since 1970 (RFC 7519, section 2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer, `JWT_ISSUER`.
    pub iss: String,
    /// The audience, `JWT_AUDIENCE`.
    pub aud: String,
    /// The account's id.
    pub sub: String,
    /// The organization's id.
    pub org: String,
    pub role: Role,
    pub iat: i64,
    pub nbf: i64,
    pub exp: i64,
    /// Unique to the token.
    pub jti: String,
    /// The session's id (OpenID Connect Front-Channel Logout 1.0, section 3).
    pub sid: String,
}
