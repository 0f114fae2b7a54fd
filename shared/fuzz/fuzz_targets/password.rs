//! New passwords: no text causes a panic, and an error does not quote it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::values::{Password, PasswordPolicy};

fuzz_target!(|text: &str| {
    let policy = PasswordPolicy {
        field: "password",
        min_length: 8,
        context: &["admin@example.com", "Akshay Pvt Ltd"],
    };
    match Password::choose(&text.into(), &policy) {
        Ok(password) => {
            assert!(format!("{password:?}").contains("REDACTED"));
            assert!(!format!("{password:?}").contains(text));
        }
        // One of a few fixed sentences.
        Err(error) => assert!(error.message.is_ascii() && error.message.len() < 60),
    }
});
