//! The `Idempotency-Key` header: a structured-field string (`"…"`, as in the draft standard) or a bare value.
//!
//! See <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use utoipa::IntoParams;

use crate::problem::Problem;

const NAME: &str = "idempotency-key";
const MAX_LENGTH: usize = 255;
/// How long a key is valid.
pub(crate) const IDEMPOTENCY_TTL: Duration = Duration::from_secs(24 * 3600);

/// The key without quotes. None if the header is missing.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Header, names("Idempotency-Key"))]
pub struct IdempotencyKey(
    /// Makes the request safe to retry for 24 hours: the same key and body create one organization. 1 to 255 visible
    /// ASCII characters, bare or as a string in quotes (RFC 9651). A UUID is a good key.
    // Without an example: a page that fills it in would send every request with the same key.
    #[param(
        nullable = false,
        min_length = 1,
        max_length = 512,
        pattern = r#"^([!#-~]{1,255}|"([!#-\[\]-~]|\\["\\]){1,255}")$"#
    )]
    pub Option<String>,
);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(NAME).iter();
        let key = match (values.next(), values.next()) {
            (None, _) => return Ok(Self(None)),
            (Some(value), None) => value.to_str().ok().and_then(parse),
            _ => None,
        };
        let key = key.ok_or_else(|| {
            Problem::malformed(
                "Idempotency-Key must be one string of 1 to 255 visible ASCII characters.",
            )
        })?;
        Ok(Self(Some(key)))
    }
}

fn parse(value: &str) -> Option<String> {
    let key = match value.trim().strip_prefix('"') {
        Some(rest) => unquote(rest.strip_suffix('"')?)?,
        None => value.trim().to_owned(),
    };
    let visible = key.chars().all(|c| c.is_ascii_graphic());
    let bare_quote = !value.trim().starts_with('"') && key.contains('"');
    (visible && !bare_quote && (1..=MAX_LENGTH).contains(&key.len())).then_some(key)
}

/// Unescapes the text between the quotes of a string (RFC 9651, section 4.2.5).
fn unquote(quoted: &str) -> Option<String> {
    let mut key = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => key.push(characters.next().filter(|c| matches!(c, '"' | '\\'))?),
            '"' => return None,
            _ => key.push(character),
        }
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_is_quoted_or_bare() {
        for (value, key) in [
            (
                "8e03978e-40d5-43dd-bc93-6894a57f9324",
                Some("8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ),
            ("\"8e03978e\"", Some("8e03978e")),
            ("\"a\\\"b\\\\c\"", Some("a\"b\\c")),
            ("", None),
            ("\"\"", None),
            ("\"open", None),
            ("\"", None),
            ("a\"b", None),
            ("\"a\"b\"", None),
            ("\"a\\b\"", None),
            ("\"a\\\"", None),
            ("two words", None),
        ] {
            assert_eq!(parse(value).as_deref(), key, "{value}");
        }
        assert!(parse(&"k".repeat(255)).is_some() && parse(&"k".repeat(256)).is_none());
    }

    proptest! {
        #[test]
        fn no_value_panics(value in "\\PC{0,40}") {
            prop_assert!(parse(&value).is_none_or(|key| !key.is_empty()));
        }
    }
}
