//! Email addresses: one address of at most 254 octets, unique regardless of letter case.

use super::text::{caseless_key, fold_white_space, is_assigned, is_invisible, nfc};
use crate::problem::FieldError;

/// Maximum length of an address in a mail transaction (RFC 5321, section 4.5.3.1, erratum 1690).
const MAX_OCTETS: usize = 254;
/// Maximum length of the local part, before the `@` (RFC 5321, section 4.5.3.1.1).
const MAX_LOCAL_OCTETS: usize = 64;

#[derive(Clone, Debug)]
pub struct EmailAddress {
    address: String,
    key: String,
}

impl EmailAddress {
    /// Trims and parses one bare address: no display name, no quoted local part, no address literal. The domain must
    /// contain a dot.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let address = text.trim();
        if address.len() > MAX_OCTETS {
            return Err(invalid("too_long", "must have at most 254 octets"));
        }
        let key = key(address).ok_or_else(|| {
            let message = "must be one email address, such as admin@example.com";
            invalid("invalid_email", message)
        })?;
        Ok(Self {
            key,
            address: address.to_owned(),
        })
    }

    /// The address as entered, trimmed.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The unique key: case-folded local part, ASCII (IDNA) domain.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// None if the address is invalid.
fn key(address: &str) -> Option<String> {
    // A quoted local part is a second spelling of an unquoted one, or hardly any mail server accepts it.
    let is_refused = |c: char| c.is_control() || is_unseen(c) || !is_assigned(c);
    if address.starts_with('"') || address.chars().any(is_refused) {
        return None;
    }
    let (local, domain) = address.rsplit_once('@')?;
    let local = nfc(local);
    if local.len() > MAX_LOCAL_OCTETS {
        return None;
    }
    let domain = idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::STD3).ok()?;
    // Top-level domains are never numeric (RFC 3696, section 2): the domain is an IP address.
    let top_level = domain.rsplit('.').next().unwrap_or_default();
    if top_level.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let options = email_address::Options::default()
        .without_display_text()
        .without_domain_literal()
        .with_minimum_sub_domains(2);
    // Outside ASCII the parser accepts only letters, but RFC 6531 allows all characters.
    let letters = local.replace(|c: char| !c.is_ascii() && !c.is_whitespace(), "x");
    let plain = format!("{letters}@{domain}");
    email_address::EmailAddress::parse_with_options(&plain, options).ok()?;
    // The compatibility form of some characters is white space and a mark, so the key is trimmed again.
    let local = fold_white_space(&caseless_key(&local));
    (!local.is_empty()).then(|| format!("{local}@{domain}"))
}

/// Whether the character is invisible. Excludes the joiner and non-joiner, which some scripts require.
fn is_unseen(character: char) -> bool {
    is_invisible(character) && !matches!(character, '\u{200c}' | '\u{200d}')
}

fn invalid(code: &'static str, message: &str) -> FieldError {
    FieldError {
        field: "email",
        code,
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_ignore_letter_case_and_idna_form() {
        let key = |text| EmailAddress::parse(text).unwrap().key;
        assert_eq!(key(" Admin@Example.COM "), key("admin@example.com"));
        assert_eq!(key("a@bücher.example"), key("a@xn--bcher-kva.example"));
        assert_eq!(
            EmailAddress::parse(" Admin@Example.COM ").unwrap().as_str(),
            "Admin@Example.COM"
        );
    }

    #[test]
    fn addresses_of_every_script_are_accepted() {
        let key = |text| EmailAddress::parse(text).map(|email| email.key).unwrap();
        assert_eq!(
            key("jose\u{301}@bu\u{308}cher.example"),
            key("jos\u{e9}@b\u{fc}cher.example")
        );
        assert_eq!(key("a@例え。テスト"), key("a@xn--r8jz45g.xn--zckzah"));
        assert_eq!(key("a@ｂ．example"), key("a@b.example"));
        for text in [
            "संपर्क@डाटामेल.भारत",
            "用户@例子.广告",
            "θσερ@εχαμπλε.ψομ",
            "o'brien+tag@example.com",
            "ශ්\u{200d}රී@example.lk",
            "می\u{200c}خواهم@example.com",
            "col·legi@example.cat",
            "💌@example.com",
        ] {
            assert!(EmailAddress::parse(text).is_ok(), "{text} was refused");
        }
    }

    #[test]
    fn invalid_addresses_are_refused() {
        let long = format!("{}@example.com", "a".repeat(250));
        for text in [
            "",
            "a",
            "@b.example",
            "a@",
            "a b@c.example",
            "A <a@b.example>",
            "a@b.example, c@d.example",
            "a@[127.0.0.1]",
            "\"a\"@b.example",
            "\"a b\"@c.example",
            "a@b@c.example",
            "\u{3164}@b.example",
            "\u{fe0f}@b.example",
            "\u{200d}@b.example",
            "a\u{202e}b@c.example",
            "a\u{378}@b.example",
            "a\u{ffff}@b.example",
            "a\u{e000}@b.example",
            "a@b.example\u{feff}",
            "a@127.0.0.1",
            "a@b.123",
            "a\u{a0}b@c.example",
            "a@localhost",
            "a@b..example",
            "a\u{0}@b.example",
            "a@b.example\r\nX: y",
            &long,
        ] {
            assert!(EmailAddress::parse(text).is_err(), "{text:?} was taken");
        }
    }

    proptest! {
        #[test]
        fn every_spelling_of_an_address_has_one_key(
            local in "[\\p{L}\\p{M}\\p{N}a-zA-Z+._-]{1,16}",
            domain in "[a-zA-ZÀ-ÖØ-öø-ÿ]{1,9}\\.[a-zA-Z]{2,6}",
        ) {
            let address = format!("{local}@{domain}");
            let Ok(email) = EmailAddress::parse(&address) else {
                return Ok(());
            };
            let nfkc = icu_normalizer::ComposingNormalizerBorrowed::new_nfkc();
            for spelling in [
                address.to_lowercase(),
                address.to_ascii_uppercase(),
                nfc(&address),
                nfkc.normalize(&address).into_owned(),
                nfkc.normalize(&address).to_lowercase(),
            ] {
                if let Ok(other) = EmailAddress::parse(&spelling) {
                    prop_assert_eq!(other.key(), email.key(), "{:?} and {:?}", spelling, address);
                }
            }
        }

        #[test]
        fn no_text_panics_and_keys_are_idempotent(text in "\\PC{0,20}@?\\PC{0,20}(\\.com)?") {
            if let Ok(email) = EmailAddress::parse(&text) {
                prop_assert!(email.as_str().len() <= 254);
                prop_assert!(!email.as_str().chars().any(char::is_control));
                if let Ok(of_key) = EmailAddress::parse(email.key()) {
                    prop_assert_eq!(of_key.key(), email.key());
                }
            }
        }
    }
}
