//! Organization names: any script, 2 to 100 characters, unique regardless of spelling.

use std::ops::RangeInclusive;

use super::displayed_name::DisplayedName;
use super::field_error::FieldError;

/// In characters (code points) of the name in NFC.
const LENGTH: RangeInclusive<usize> = 2..=100;

#[derive(Clone, Debug)]
pub struct OrganizationName {
    name: String,
    key: String,
}

impl OrganizationName {
    /// Trims, and collapses every run of white space into one space, before validation.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let DisplayedName { name, key } = DisplayedName::parse("organization_name", text, LENGTH)?;
        Ok(Self { name, key })
    }

    /// The name as entered, with white space folded.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The unique key: `ACME` and `acme ` are the same organization.
    pub fn key(&self) -> &str {
        &self.key
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
        // One Hangul syllable, in NFC and in NFD: one character.
        assert_eq!(refusal("\u{d55c}"), Some("too_short"));
        assert_eq!(refusal("\u{1112}\u{1161}\u{11ab}"), Some("too_short"));
        for syllable in ["\u{d55c}", "\u{1112}\u{1161}\u{11ab}"] {
            assert_eq!(refusal(&syllable.repeat(100)), None);
            assert_eq!(refusal(&syllable.repeat(101)), Some("too_long"));
        }
    }

    #[test]
    fn invisible_and_control_characters_are_refused() {
        assert_eq!(refusal("a\u{0}b"), Some("control_character"));
        assert_eq!(refusal("a\u{1b}[31mb"), Some("control_character"));
        assert_eq!(refusal("\u{200b}\u{200b}"), Some("invisible_character"));
        assert_eq!(refusal("Acme\u{202e}dtL"), Some("invisible_character"));
        assert_eq!(refusal("a\u{200b}"), Some("invisible_character"));
        assert_eq!(refusal("\u{2764}\u{fe0f} Ltd"), None);
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
                // A form may exceed the maximum length.
                if let Ok(other) = OrganizationName::parse(&form) {
                    prop_assert_eq!(other.key(), name.key(), "{:?}", form);
                }
            }
        }

        #[test]
        fn canonical_forms_of_a_name_are_all_accepted_or_all_refused(text in "\\PC{0,110}") {
            use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
            let composed = ComposingNormalizerBorrowed::new_nfc().normalize(&text);
            let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(&text);
            let accepted = OrganizationName::parse(&composed).is_ok();
            prop_assert_eq!(OrganizationName::parse(&decomposed).is_ok(), accepted);
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
