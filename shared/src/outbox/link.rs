//! Links in mails: to the product's pages, or to the service's own.

use std::str::FromStr;

use crate::model::{OneTimeToken, Purpose};
use crate::one_time_tokens;
use crate::pepper::Pepper;

/// The address that links begin with, such as `https://app.example.com`.
#[derive(Clone, Debug)]
pub struct LinkBase(String);

#[derive(Debug, thiserror::Error)]
#[error(
    "an address begins with https:// or http:// and has no query, fragment, quotes, & or angle brackets"
)]
pub struct LinkBaseInvalid;

impl FromStr for LinkBase {
    type Err = LinkBaseInvalid;

    fn from_str(text: &str) -> Result<Self, LinkBaseInvalid> {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let is_address = |rest: &str| {
            !rest.is_empty()
                && rest
                    .chars()
                    .all(|c| c.is_ascii_graphic() && !"?#\"'&<>".contains(c))
        };
        match rest.is_some_and(is_address) {
            true => Ok(Self(text.trim_end_matches('/').to_owned())),
            false => Err(LinkBaseInvalid),
        }
    }
}

impl LinkBase {
    /// The token is in the fragment, which a browser does not send: no server's log has it.
    pub(super) fn link(&self, token: &OneTimeToken, pepper: &Pepper) -> String {
        let page = match token.purpose {
            Purpose::PasswordReset => "reset-password",
            Purpose::EmailVerification => "verify-email",
            Purpose::EmailUndo => "undo-email-change",
        };
        let token = one_time_tokens::to_text(token, pepper);
        format!("{}/{page}#token={token}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for text in [
            "https://app.example.com",
            "http://127.0.0.1:8000/",
            "https://a.example/x/",
        ] {
            assert!(text.parse::<LinkBase>().is_ok(), "{text}");
        }
        for text in [
            "",
            "app.example.com",
            "https://",
            "ftp://a",
            "https://a?b",
            "https://a#b",
            "https://a b",
        ] {
            assert!(text.parse::<LinkBase>().is_err(), "{text}");
        }
    }
}
