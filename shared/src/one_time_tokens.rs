//! The tokens of links in mails: each can be used once, by a POST.
//!
//! A token is derived, not stored: base64url of its document's id, and of a MAC of purpose, id and nonce. So a copy of the
//! database yields no link, and a new pepper voids all of them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, DateTime, doc};

use crate::model::{Account, OneTimeToken, OneTimeTokenId, Purpose};
use crate::pepper::{MAC_BYTES, Pepper};
use crate::problem::Problem;
use crate::random::random_bytes;
use crate::store::Databases;

const NONCE_BYTES: usize = 16;

/// A new token of `account`, or of nobody. It is valid once its document is stored.
pub(crate) fn new(
    purpose: Purpose,
    account: Option<&Account>,
    now: DateTime,
) -> Result<OneTimeToken, Problem> {
    let nonce = Binary {
        subtype: BinarySubtype::Generic,
        bytes: random_bytes::<NONCE_BYTES>()?.to_vec(),
    };
    Ok(OneTimeToken::new(purpose, account, nonce, now))
}

/// The token as text, for the link.
pub(crate) fn to_text(token: &OneTimeToken, pepper: &Pepper) -> String {
    let mut bytes = <[u8; 12]>::from(token.id).to_vec();
    bytes.extend(pepper.mac(&authenticated(token)));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The document of a token for `purpose`. Malformed, unknown, used and expired tokens fail alike.
pub(crate) async fn find(
    databases: &Databases,
    text: &str,
    purpose: Purpose,
) -> Result<OneTimeToken, Problem> {
    let (id, mac) = parse(text).ok_or_else(Problem::invalid_one_time_token)?;
    let found = databases
        .one_time_tokens
        .find_one(doc! { "_id": id })
        .await?;
    let valid =
        found.filter(|found| found.purpose == purpose && found.expires_at > databases.clock.now());
    let token = valid.ok_or_else(Problem::invalid_one_time_token)?;
    match databases.pepper()?.verify_mac(&mac, &authenticated(&token)) {
        true => Ok(token),
        false => Err(Problem::invalid_one_time_token()),
    }
}

fn parse(text: &str) -> Option<(OneTimeTokenId, [u8; MAC_BYTES])> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (id, mac) = bytes.split_first_chunk::<12>()?;
    Some(((*id).into(), mac.try_into().ok()?))
}

fn authenticated(token: &OneTimeToken) -> [Vec<u8>; 4] {
    let id = <[u8; 12]>::from(token.id).to_vec();
    let nonce = token.nonce.bytes.clone();
    [
        "one-time-token".into(),
        token.purpose.name().into(),
        id,
        nonce,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pepper::test_pepper;
    use proptest::prelude::*;

    fn token() -> OneTimeToken {
        let now = DateTime::from_millis(0);
        new(Purpose::PasswordReset, None, now).unwrap_or_else(|problem| panic!("{problem}"))
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = parse(&text);
        }
    }

    #[test]
    fn a_token_depends_on_its_document_and_on_the_pepper() {
        let (one, other) = (token(), token());
        let pepper = test_pepper("a");
        let text = to_text(&one, &pepper);
        assert_eq!(text.len(), 38);
        assert_eq!(text, to_text(&one, &pepper));
        assert_ne!(text, to_text(&other, &pepper));
        assert_ne!(text, to_text(&one, &test_pepper("b")));
        let renewed = OneTimeToken {
            nonce: other.nonce,
            ..one.clone()
        };
        assert_ne!(text, to_text(&renewed, &pepper));
        let (id, mac) = parse(&text).unwrap_or_else(|| panic!("it can be read"));
        assert_eq!(id, one.id);
        assert!(pepper.verify_mac(&mac, &authenticated(&one)));
    }
}
