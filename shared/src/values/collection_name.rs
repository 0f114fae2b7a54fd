//! Names of the tenants' collections: `org_` and a slug of the organization's name.

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::OrganizationName;

const PREFIX: &str = "org_";
/// In bytes, including the prefix. On Atlas Flex, database and collection name together have at most 95 bytes.
const MAX_BYTES: usize = 48;
/// Hexadecimal digits of the organization's id that distinguish names with the same slug.
const SUFFIX_DIGITS: usize = 8;

/// `org_` and `[a-z0-9_]+`, at most 48 bytes together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CollectionName(String);

impl CollectionName {
    /// Names to try in this order, the plain slug first. `id` is the organization's id in hexadecimal digits.
    pub fn candidates(name: &OrganizationName, id: &str) -> Vec<Self> {
        let slug = slug(name.as_str());
        if slug.is_empty() {
            return vec![Self::of_id(id)];
        }
        let plain = cut(&slug, MAX_BYTES - PREFIX.len());
        let suffixed = cut(&slug, MAX_BYTES - PREFIX.len() - 1 - SUFFIX_DIGITS);
        let suffix = id.len().checked_sub(SUFFIX_DIGITS);
        let suffix = suffix.and_then(|start| id.get(start..)).unwrap_or(id);
        vec![
            Self(format!("{PREFIX}{plain}")),
            Self(format!("{PREFIX}{suffixed}_{suffix}")),
            Self::of_id(id),
        ]
    }

    /// A name that no slug has. `id` as in [`Self::candidates`].
    pub fn of_id(id: &str) -> Self {
        Self(format!("{PREFIX}{id}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn hash(&self) -> CollectionNameHash {
        CollectionNameHash::of(&self.0)
    }
}

/// SHA-256 of a collection's name, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CollectionNameHash(String);

impl CollectionNameHash {
    pub fn of(name: &str) -> Self {
        Self(hex::encode(digest(&SHA256, name.as_bytes())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Transliterates to lower-case ASCII, with underscores in place of everything except letters and digits.
fn slug(name: &str) -> String {
    let ascii = deunicode::deunicode_with_tofu(name, " ").to_ascii_lowercase();
    let words = ascii.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("_")
}

fn cut(slug: &str, bytes: usize) -> &str {
    slug.get(..bytes).unwrap_or(slug).trim_end_matches('_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "abababababababababababab";

    fn candidates(name: &str) -> Vec<String> {
        let name = OrganizationName::parse(name).unwrap();
        let names = CollectionName::candidates(&name, ID);
        names.into_iter().map(|name| name.0).collect()
    }

    #[test]
    fn the_plain_slug_comes_first_and_then_one_with_the_id() {
        assert_eq!(
            candidates("Akshay Pvt Ltd"),
            [
                "org_akshay_pvt_ltd",
                "org_akshay_pvt_ltd_abababab",
                "org_abababababababababababab"
            ]
        );
    }

    #[test]
    fn every_script_has_a_slug() {
        assert_eq!(candidates("日本")[0], "org_ri_ben");
        assert_eq!(candidates("Ёлки-палки")[0], "org_iolki_palki");
        assert_eq!(candidates("🦀 & Söhne!")[0], "org_crab_sohne");
        assert_eq!(candidates("!!")[0], "org_abababababababababababab");
    }

    proptest! {
        #[test]
        fn every_candidate_is_a_valid_name(text in "\\PC{2,100}") {
            let Ok(name) = OrganizationName::parse(&text) else { return Ok(()) };
            for candidate in CollectionName::candidates(&name, ID) {
                let slug = candidate.as_str().strip_prefix("org_").unwrap();
                prop_assert!(!slug.is_empty() && candidate.as_str().len() <= 48);
                prop_assert!(slug.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
            }
        }
    }
}
