//! Stored hashes, as an older service or a broken import may have left them: reading one never panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::values::{Password, PasswordHash};

fuzz_target!(|text: &str| {
    let Ok(hash) = serde_json::from_value::<PasswordHash>(text.into()) else {
        return;
    };
    let password = Password::presented("Admin@123");
    let (outdated, whole) = (hash.is_outdated(4), hash.covers(&password));
    match hash.cost() {
        None => assert!(outdated && !hash.verify(&password)),
        // A hash of a higher cost takes up to seconds: those are left to the tests.
        Some(4 | 5) => {
            let right = hash.verify(&password);
            assert!(whole && (!right || !hash.verify(&Password::presented("Admin@124"))));
        }
        Some(cost) => assert!(whole && cost <= 15),
    }
});
