//! New passwords: no text panics, and a refusal does not repeat it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::values::{Password, PasswordPolicy};

fuzz_target!(|text: &str| {
    let policy = PasswordPolicy {
        field: "password",
        min_length: 8,
        context: &["admin@example.com", "Akshay Pvt Ltd"],
    };
    match Password::choose(text, &policy) {
        Ok(password) => {
            assert_eq!(format!("{password:?}"), "Password(SecretBox<str>([REDACTED]))");
        }
        // The same few sentences for every text.
        Err(error) => assert!(error.message.is_ascii() && error.message.len() < 60),
    }
});
