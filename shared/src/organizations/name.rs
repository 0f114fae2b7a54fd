//! Organization names: any script, 2 to 100 characters, unique whatever the spelling.

use std::ops::RangeInclusive;

use crate::problem::FieldError;
use crate::text::{caseless_key, fold_white_space};

/// In characters (code points).
const LENGTH: RangeInclusive<usize> = 2..=100;

#[derive(Clone, Debug)]
pub struct OrganizationName {
    name: String,
    key: String,
}

impl OrganizationName {
    /// Trims, and makes every run of white space one space, before anything is checked.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let name = fold_white_space(text);
        let length = name.chars().count();
        if length < *LENGTH.start() {
            return Err(invalid("too_short", "must have at least 2 characters"));
        }
        if length > *LENGTH.end() {
            return Err(invalid("too_long", "must have at most 100 characters"));
        }
        if name.chars().any(char::is_control) {
            return Err(invalid(
                "control_character",
                "must not contain control characters",
            ));
        }
        // Some characters are white space in their compatibility form, and more.
        let key = fold_white_space(&caseless_key(&name));
        if key.is_empty() {
            return Err(invalid("invisible", "must contain a visible character"));
        }
        Ok(Self { name, key })
    }

    /// As typed, with its white space folded.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The form in which a name is unique: `ACME` and `acme ` are one organization.
    pub fn key(&self) -> &str {
        &self.key
    }
}

fn invalid(code: &'static str, message: &str) -> FieldError {
    FieldError {
        field: "organization_name",
        code,
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(text: &str) -> Option<&'static str> {
        OrganizationName::parse(text).err().map(|error| error.code)
    }

    #[test]
    fn white_space_is_trimmed_and_folded() {
        let name = OrganizationName::parse("  Akshay \t Pvt\u{3000}Ltd ").unwrap();
        assert_eq!(name.as_str(), "Akshay Pvt Ltd");
        assert_eq!(
            name.key(),
            OrganizationName::parse("AKSHAY pvt ltd").unwrap().key()
        );
    }

    #[test]
    fn length_counts_characters_after_folding() {
        assert_eq!(refusal("日"), Some("too_short"));
        assert_eq!(refusal(" a  "), Some("too_short"));
        assert_eq!(refusal("日本"), None);
        assert_eq!(refusal(&"🏢".repeat(100)), None);
        assert_eq!(refusal(&"🏢".repeat(101)), Some("too_long"));
    }

    #[test]
    fn what_cannot_be_seen_is_no_name() {
        assert_eq!(refusal("a\u{0}b"), Some("control_character"));
        assert_eq!(refusal("a\u{1b}[31mb"), Some("control_character"));
        assert_eq!(refusal("\u{200b}\u{200b}"), Some("invisible"));
        assert_eq!(refusal("!?"), None);
    }

    proptest! {
        #[test]
        fn the_key_is_the_same_for_every_normal_form(text in "\\PC{0,60}") {
            use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
            let Ok(name) = OrganizationName::parse(&text) else { return Ok(()) };
            for form in [
                ComposingNormalizerBorrowed::new_nfc().normalize(&text),
                ComposingNormalizerBorrowed::new_nfkc().normalize(&text),
                DecomposingNormalizerBorrowed::new_nfd().normalize(&text),
                DecomposingNormalizerBorrowed::new_nfkd().normalize(&text),
            ] {
                // A longer form may be too long.
                if let Ok(other) = OrganizationName::parse(&form) {
                    prop_assert_eq!(other.key(), name.key(), "{:?}", form);
                }
            }
        }

        #[test]
        fn a_name_parses_to_itself(text in "\\PC{0,110}") {
            if let Ok(name) = OrganizationName::parse(&text) {
                let again = OrganizationName::parse(name.as_str()).unwrap();
                prop_assert_eq!(again.as_str(), name.as_str());
            }
        }
    }
}
