//! Organization names and their collection names: a name parses to itself, and every slug is valid.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::values::{CollectionName, OrganizationName};

fuzz_target!(|text: &str| {
    let Ok(name) = OrganizationName::parse(text) else {
        return;
    };
    let again = OrganizationName::parse(name.as_str()).expect("a name is a name");
    assert_eq!((again.as_str(), again.key()), (name.as_str(), name.key()));
    for collection in CollectionName::candidates(&name, "070707070707070707070707") {
        let slug = collection.as_str().strip_prefix("org_").expect("org_");
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(!slug.is_empty() && slug.len() <= 44 && slug.chars().all(legal));
    }
});
