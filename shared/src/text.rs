//! Unicode text made comparable: normalisation, case folding and white space, as Unicode defines them.

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};

/// NFC: one spelling for characters that can be written in several ways (`é` as one code point or as two).
pub fn nfc(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(text)
        .into_owned()
}

/// The key under which two spellings of one text meet: compatibility forms, letter case and invisible
/// characters make no difference (Unicode's identifier caseless match, D147: `toNFKC_Casefold`).
pub fn caseless_key(text: &str) -> String {
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    let folding = CaseMapper::new();
    let mut key = nfkc.normalize(text).into_owned();
    // Folding can undo normalisation and the other way round; Unicode needs at most a few rounds.
    for _ in 0..4 {
        let folded = folding.fold_string(&key);
        let visible: String = folded.chars().filter(|c| !is_invisible(*c)).collect();
        let next = nfkc.normalize(&visible).into_owned();
        if next == key {
            break;
        }
        key = next;
    }
    key
}

/// Trims, and makes every run of white space one space.
pub fn fold_white_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether Unicode says that nothing is to be shown of it.
pub fn is_invisible(character: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_text_share_a_key() {
        for (a, b) in [
            ("ACME", "acme"),
            ("ＡＣＭＥ", "acme"),
            ("Straße", "STRASSE"),
            ("ﬁnance", "FINANCE"),
            ("cafe\u{301}", "CAFÉ"),
            ("ac\u{200b}me", "acme"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ] {
            assert_eq!(caseless_key(a), caseless_key(b), "{a} and {b}");
        }
        assert_ne!(caseless_key("acme"), caseless_key("acne"));
    }

    #[test]
    fn white_space_folds_to_single_spaces() {
        assert_eq!(fold_white_space("  a \t\u{3000} b\u{a0}"), "a b");
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key(text in "\\PC{0,40}") {
            let key = caseless_key(&text);
            prop_assert_eq!(caseless_key(&key), key);
        }

        #[test]
        fn a_key_ignores_the_normalisation_of_its_text(text in "\\PC{0,40}") {
            prop_assert_eq!(caseless_key(&nfc(&text)), caseless_key(&text));
        }
    }
}
