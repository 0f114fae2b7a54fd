//! Email addresses: an accepted address parses again, with the same key, and contains no control character.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::values::EmailAddress;

fuzz_target!(|text: &str| {
    if let Ok(email) = EmailAddress::parse(text) {
        let again = EmailAddress::parse(email.as_str()).expect("an address is an address");
        assert_eq!(again.key(), email.key());
        assert!(email.as_str().len() <= 254 && !email.as_str().contains(char::is_control));
    }
});
