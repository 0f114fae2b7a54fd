//! Refresh tokens: 256 random bits, of which only a hash is stored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::model::SessionId;
use crate::pepper::{MAC_BYTES, Pepper};
use crate::problem::Problem;
use crate::random::random_bytes;

const SECRET_BYTES: usize = 32;

#[derive(PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct RefreshToken {
    pub session_id: SessionId,
    secret: [u8; SECRET_BYTES],
}

impl RefreshToken {
    pub fn random(session_id: SessionId) -> Result<Self, Problem> {
        let secret = random_bytes()?;
        Ok(Self { session_id, secret })
    }

    /// base64url of session id, secret and MAC.
    pub fn to_text(&self, pepper: &Pepper) -> String {
        let mut bytes = <[u8; 12]>::from(self.session_id).to_vec();
        bytes.extend(self.secret);
        bytes.extend(pepper.mac(&self.parts("refresh-token-mac")));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// None if the service did not issue it. The MAC tells a replaced token, which may be stolen, from an invented one.
    pub fn parse(text: &str, pepper: &Pepper) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (session_id, rest) = bytes.split_first_chunk::<12>()?;
        let (secret, mac) = rest.split_first_chunk::<SECRET_BYTES>()?;
        let token = Self {
            session_id: (*session_id).into(),
            secret: *secret,
        };
        let authenticated = token.parts("refresh-token-mac");
        (mac.len() == MAC_BYTES && pepper.verify_mac(mac, &authenticated)).then_some(token)
    }

    /// The hash that is stored.
    pub fn hash(&self, pepper: &Pepper) -> String {
        pepper.hash(&self.parts("refresh-token"))
    }

    /// The token that replaces this one. It follows from this token and the salt, so a lost response can be repeated
    /// although neither token is stored.
    pub fn successor(&self, salt: &[u8]) -> Self {
        use aws_lc_rs::hmac;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.secret);
        let mut secret = [0; SECRET_BYTES];
        secret.copy_from_slice(hmac::sign(&key, salt).as_ref());
        Self {
            session_id: self.session_id,
            secret,
        }
    }

    fn parts<'a>(&'a self, purpose: &'a str) -> [Vec<u8>; 3] {
        let session = <[u8; 12]>::from(self.session_id).to_vec();
        [purpose.into(), session, self.secret.to_vec()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pepper::test_pepper;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_token_is_valid_only_unchanged_and_with_its_pepper(
            session: [u8; 12],
            secret: [u8; 32],
            position in 0..80_usize,
            letter in "[A-Za-z0-9_-]",
        ) {
            let pepper = test_pepper("a");
            let token = RefreshToken { session_id: session.into(), secret };
            let mut text = token.to_text(&pepper);
            prop_assert_eq!(RefreshToken::parse(&text, &pepper), Some(token));
            prop_assert_eq!(RefreshToken::parse(&text, &test_pepper("b")), None);
            prop_assume!(text[position..=position] != letter);
            text.replace_range(position..=position, &letter);
            prop_assert_eq!(RefreshToken::parse(&text, &pepper), None);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,120}") {
            prop_assert_eq!(RefreshToken::parse(&text, &test_pepper("a")), None);
        }
    }

    #[test]
    fn a_successor_follows_from_token_and_salt() {
        let token = RefreshToken {
            session_id: [1; 12].into(),
            secret: [2; 32],
        };
        let successor = token.successor(&[3; 32]);
        assert_eq!(successor, token.successor(&[3; 32]));
        assert_ne!(successor, token.successor(&[4; 32]));
        assert_ne!(successor, token);
    }
}
