//! Stored hashes, such as those of an older service or a broken import: reading one never panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::values::{Password, PasswordHash};

fuzz_target!(|text: &str| {
    let Ok(hash) = serde_json::from_value::<PasswordHash>(text.into()) else {
        return;
    };
    let password = Password::new(&"Admin@123".into());
    let (outdated, whole) = (hash.is_outdated(4), hash.covers(&password));
    match hash.cost() {
        None => assert!(outdated && !hash.verify(&password)),
        // A hash of a higher cost takes up to seconds. The unit tests cover those.
        Some(4 | 5) => {
            let right = hash.verify(&password);
            assert!(whole && (!right || !hash.verify(&Password::new(&"Admin@124".into()))));
        }
        Some(cost) => assert!(whole && cost <= 15),
    }
});
