//! Email addresses: one that is taken is taken again, with the same key, and holds no control character.

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
