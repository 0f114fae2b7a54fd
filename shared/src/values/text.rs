//! Comparison of Unicode text: normalisation, case folding and white space, as defined by Unicode.

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{
    DefaultIgnorableCodePoint, Emoji, GeneralCategory, Ideographic, VariationSelector,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// NFC: one spelling for characters that can be written in several ways (`é` as one code point or as two).
pub fn nfc(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(text)
        .into_owned()
}

/// The key for caseless comparison. It ignores compatibility forms, letter case and invisible characters (Unicode's
/// identifier caseless match, D147: `toNFKC_Casefold`).
pub fn caseless_key(text: &str) -> String {
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    let folding = CaseMapper::new();
    let mut key = nfkc.normalize(text).into_owned();
    // Folding can undo normalisation and vice versa. A few rounds are enough for all of Unicode.
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

/// Trims, and collapses every run of white space into one space.
pub fn fold_white_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Prepares a password by the OpaqueString profile (RFC 8265, section 4.2): maps every space to U+0020, then applies
/// NFC.
pub fn opaque_string(text: &str) -> String {
    let category = CodePointMapData::<GeneralCategory>::new();
    let spaced: String = text
        .chars()
        .map(|c| match category.get(c) {
            GeneralCategory::SpaceSeparator => ' ',
            _ => c,
        })
        .collect();
    nfc(&spaced)
}

/// Whether `text` is displayed as written. Direction controls display a text as a different one, and invisible or
/// unassigned characters make different texts look the same.
///
/// Some invisible characters are required by scripts and emoji, and allowed: joiners after another character, and
/// variation selectors after a character that has variants.
pub fn is_shown_as_written(text: &str) -> bool {
    let mut before = None;
    text.chars().all(|character| {
        let shown = is_assigned(character)
            && (!is_invisible(character) || before.is_some_and(|base| modifies(character, base)));
        before = Some(character);
        shown
    })
}

/// Whether the code point is assigned in Unicode. Non-characters and private-use characters are not.
pub fn is_assigned(character: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(character);
    !matches!(
        category,
        GeneralCategory::Unassigned | GeneralCategory::PrivateUse
    )
}

/// Whether the invisible `character` is valid after `base`.
fn modifies(character: char, base: char) -> bool {
    match character {
        '\u{200c}' | '\u{200d}' => {
            !base.is_whitespace() && (!is_invisible(base) || is_variation_selector(base))
        }
        // Mongolian's free variation selectors.
        '\u{180b}'..='\u{180d}' | '\u{180f}' => ('\u{1800}'..='\u{18af}').contains(&base),
        _ => is_variation_selector(character) && has_variants(base),
    }
}

fn is_variation_selector(character: char) -> bool {
    CodePointSetData::new::<VariationSelector>().contains(character)
}

fn has_variants(base: char) -> bool {
    CodePointSetData::new::<Emoji>().contains(base)
        || CodePointSetData::new::<Ideographic>().contains(base)
}

/// Whether the character is not displayed: default ignorable, or an interlinear annotation.
pub fn is_invisible(character: char) -> bool {
    let annotates = ('\u{fff9}'..='\u{fffb}').contains(&character);
    annotates || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
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

    #[test]
    fn text_that_looks_like_another_is_not_shown_as_written() {
        for text in [
            "Acme\u{202e}dtL",
            "\u{2066}Acme\u{2069}",
            "Acme\u{200e}",
            "\u{061c}Acme",
            "a\u{200b}",
            "ac\u{ad}me",
            "Acme\u{feff}",
            "Acme\u{3164}",
            "Acme\u{e0041}",
            "a\u{fe0f}",
            "a\u{e0100}",
            "a\u{180b}",
            "\u{200d}a",
            "a \u{200c}b",
            "a\u{200d}\u{200d}b",
            "a\u{378}",
            "a\u{fdd0}",
            "a\u{ffff}",
            "a\u{10ffff}",
            "a\u{e000}",
            "a\u{fff9}b",
            "a\u{206a}",
        ] {
            assert!(!is_shown_as_written(text), "{text:?}");
        }
    }

    #[test]
    fn characters_that_scripts_and_emoji_need_are_shown() {
        for text in [
            "می\u{200c}خواهم",
            "ශ්\u{200d}රී",
            "അവന്\u{200d}",
            "\u{2764}\u{fe0f} Ltd",
            "👩\u{200d}👩\u{200d}👧",
            "\u{2764}\u{fe0f}\u{200d}🔥",
            "1\u{fe0f}\u{20e3}",
            "葛\u{e0100}城市",
            "ᠮᠣᠩᠭᠣᠯ\u{180b}",
            "cafe\u{301} ́",
            "Acme & Söhne GmbH",
        ] {
            assert!(is_shown_as_written(text), "{text:?}");
        }
    }

    #[test]
    fn every_space_of_a_password_is_one_character() {
        for space in "\u{a0}\u{1680}\u{2000}\u{2003}\u{200a}\u{202f}\u{205f}\u{3000}".chars() {
            assert_eq!(opaque_string(&format!("a{space}b")), "a b", "{space:?}");
        }
        assert_eq!(
            opaque_string("  a\tb\u{200b}e\u{301} "),
            "  a\tb\u{200b}\u{e9} "
        );
    }

    proptest! {
        #[test]
        fn caseless_key_is_idempotent(text in "\\PC{0,40}") {
            let key = caseless_key(&text);
            prop_assert_eq!(caseless_key(&key), key);
        }

        #[test]
        fn caseless_key_ignores_normalisation(text in "\\PC{0,40}") {
            prop_assert_eq!(caseless_key(&nfc(&text)), caseless_key(&text));
        }
    }
}
