//! Access tokens: JWTs that say which admin of which organization is calling (RFC 9068).

mod claims;
mod issuer;
mod signing_secret;

pub use claims::Claims;
pub use issuer::{AccessToken, TokenIssuer};
pub use signing_secret::{SecretSource, SigningSecretError};
