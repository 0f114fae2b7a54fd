//! Language tags (RFC 5646) of a language, a script, a region and variants, such as `de`, `pt-BR` or `zh-Hant`.

use icu_locale_core::LanguageIdentifier;

use super::field_error::FieldError;

/// The longest tag that applications should support (RFC 5646, section 4.4.1).
const MAX_BYTES: usize = 35;

/// A language tag, in the letter case that RFC 5646 recommends.
#[derive(Clone, Debug)]
pub struct Locale(String);

impl Locale {
    /// `field` is the field of the request.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let tag = LanguageIdentifier::try_from_str(text);
        match tag {
            Ok(tag) if text.len() <= MAX_BYTES && !tag.is_unknown() => Ok(Self(tag.to_string())),
            _ => Err(FieldError {
                field,
                code: "invalid_locale",
                message: "must be a language tag, such as en or pt-BR".to_owned(),
            }),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<String> {
        Some(Locale::parse("locale", text).ok()?.as_str().to_owned())
    }

    #[test]
    fn tags_are_stored_in_one_spelling() {
        for (text, stored) in [
            ("de", "de"),
            ("PT-br", "pt-BR"),
            ("zh-hant-tw", "zh-Hant-TW"),
        ] {
            assert_eq!(parse(text).as_deref(), Some(stored), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        let long = format!("de{}", "-1abcdef".repeat(6));
        for text in [
            "",
            "und",
            "d",
            "german",
            " de",
            "de,en",
            "de;q=1",
            "de\r\nX: y",
            "*",
            &long,
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
