//! Password hashes: passlib's `bcrypt_sha256` version 2, and plain bcrypt hashes of an older service.
//!
//! `bcrypt_sha256` is bcrypt of base64(HMAC-SHA-256(key = salt text, password)). It has no limit of 72 bytes, and
//! accepts NUL. See <https://passlib.readthedocs.io/en/stable/lib/passlib.hash.bcrypt_sha256.html>.

use aws_lc_rs::{hmac, rand};
use base64::alphabet;
use base64::engine::{Engine, GeneralPurpose, general_purpose};
use serde::{Deserialize, Serialize};

use super::Password;

const PREFIX: &str = "$bcrypt-sha256$v=2,t=2b,r=";
/// Maximum accepted cost. A higher cost would block the service.
const MAX_COST: u32 = 15;
const SALT_CHARACTERS: usize = 22;
/// Plain bcrypt reads only this many bytes of a password.
const PLAIN_BCRYPT_BYTES: usize = 72;
const BCRYPT_BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::BCRYPT, general_purpose::NO_PAD);

/// A hash in its stored form.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

/// The parts of a stored hash.
struct Parts<'a> {
    sha256: bool,
    cost: u32,
    /// 22 characters.
    salt: &'a str,
    /// 31 characters.
    digest: &'a str,
}

#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct HashingFailed;

impl PasswordHash {
    /// A new hash with a random salt. Takes 2^`cost` rounds.
    pub fn compute(password: &Password, cost: u32) -> Result<Self, HashingFailed> {
        let mut salt = [0; 16];
        rand::fill(&mut salt).map_err(|_| HashingFailed)?;
        Self::with_salt(password, cost, salt)
    }

    fn with_salt(password: &Password, cost: u32, salt: [u8; 16]) -> Result<Self, HashingFailed> {
        let salt_text = BCRYPT_BASE64.encode(salt);
        let prehash = prehash(password, &salt_text);
        let hash = bcrypt::hash_with_salt(prehash, cost, salt).map_err(|_| HashingFailed)?;
        let text = hash.format_for_version(bcrypt::Version::TwoB);
        let digest = text
            .rsplit('$')
            .next()
            .and_then(|tail| tail.get(SALT_CHARACTERS..))
            .ok_or(HashingFailed)?;
        Ok(Self(format!("{PREFIX}{cost}${salt_text}${digest}")))
    }

    /// The stored text.
    pub(crate) fn as_stored(&self) -> &str {
        &self.0
    }

    /// A hash that no password matches. Comparing with it takes as long as with an existing account's hash.
    pub fn dummy(cost: u32) -> Self {
        let (salt, digest) = (".".repeat(SALT_CHARACTERS), ".".repeat(31));
        Self(format!("{PREFIX}{cost}${salt}${digest}"))
    }

    /// Whether this is `password`'s hash. A malformed hash matches no password.
    ///
    /// A plain hash is compared as in the older service: by the first 72 bytes. bcrypt treats a NUL as the end of the
    /// password, so a password with a NUL never matches.
    pub fn verify(&self, password: &Password) -> bool {
        let Some(parts) = self.parts() else {
            return false;
        };
        let bcrypt_text = format!("$2b${:02}${}{}", parts.cost, parts.salt, parts.digest);
        let verified = if parts.sha256 {
            bcrypt::verify(prehash(password, parts.salt), &bcrypt_text)
        } else {
            let verified = bcrypt::verify(password.expose(), &bcrypt_text);
            verified.map(|verified| verified && !password.expose().contains('\0'))
        };
        verified.unwrap_or(false)
    }

    /// Whether the hash covers all of `password`. A plain hash covers only 72 bytes, so it must not be replaced by the
    /// hash of a longer password that matches it.
    pub fn covers(&self, password: &Password) -> bool {
        let unprepared = password.unprepared();
        let mut forms = [Some(password), unprepared.as_ref()].into_iter().flatten();
        self.parts().is_some_and(|parts| parts.sha256)
            || forms.all(|form| form.expose().len() < PLAIN_BCRYPT_BYTES)
    }

    /// The cost of the hash. None if the hash is malformed.
    pub fn cost(&self) -> Option<u32> {
        self.parts().map(|parts| parts.cost)
    }

    /// Takes the additional time that a hash of `cost` would have taken: the rounds of all costs from the hash's own to
    /// `cost` - 1 add up to the difference.
    pub(crate) fn equalize_cost(&self, cost: u32, password: &Password) {
        let costs = match self.cost() {
            Some(own) => own..cost,
            None => cost..cost + 1,
        };
        for cost in costs {
            std::hint::black_box(Self::dummy(cost).verify(password));
        }
    }

    /// Whether the hash should be replaced: it is plain bcrypt, or its cost is lower than `cost`.
    pub fn is_outdated(&self, cost: u32) -> bool {
        self.parts()
            .is_none_or(|parts| !parts.sha256 || parts.cost < cost)
    }

    fn parts(&self) -> Option<Parts<'_>> {
        let sha256 = self.0.starts_with(PREFIX);
        let (cost, salt, digest) = if sha256 {
            let (cost, rest) = self.0.strip_prefix(PREFIX)?.split_once('$')?;
            let (salt, digest) = rest.split_once('$')?;
            (cost, salt, digest)
        } else {
            let (version, rest) = self.0.strip_prefix('$')?.split_once('$')?;
            if !["2a", "2b", "2y"].contains(&version) {
                return None;
            }
            let (cost, tail) = rest.split_once('$')?;
            (
                cost,
                tail.get(..SALT_CHARACTERS)?,
                tail.get(SALT_CHARACTERS..)?,
            )
        };
        let cost = cost.parse().ok()?;
        let well_formed = (4..=MAX_COST).contains(&cost)
            && salt.len() == SALT_CHARACTERS
            && digest.len() == 31
            && (salt.bytes().chain(digest.bytes()))
                .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'/');
        let parts = Parts {
            sha256,
            cost,
            salt,
            digest,
        };
        well_formed.then_some(parts)
    }
}

fn prehash(password: &Password, salt_text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt_text.as_bytes());
    general_purpose::STANDARD.encode(hmac::sign(&key, password.expose().as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::values::text::nfc;

    fn stored(text: &str) -> PasswordHash {
        PasswordHash(text.to_owned())
    }

    /// Computed by Python's passlib at cost 10.
    const ADMIN_123: &str =
        "$bcrypt-sha256$v=2,t=2b,r=10$n79VH.0Q2TMWmt3Oqt9uku$njLg.DTl4.AMMM4z5dDwuIy/PNzRZFy";
    const HUNDRED_X: &str =
        "$bcrypt-sha256$v=2,t=2b,r=10$n79VH.0Q2TMWmt3Oqt9uku$yA1SiKgoV.Ox96g/iiRBSOanIdjkz6i";

    #[test]
    fn passlibs_hashes_are_made_and_verified() {
        let salt: [u8; 16] = GeneralPurpose::new(
            &alphabet::BCRYPT,
            general_purpose::NO_PAD.with_decode_allow_trailing_bits(true),
        )
        .decode("n79VH.0Q2TMWmt3Oqt9uku")
        .unwrap()
        .try_into()
        .unwrap();
        for (password, vector) in [("Admin@123", ADMIN_123), (&*"x".repeat(100), HUNDRED_X)] {
            let password = Password::of(password);
            assert_eq!(
                PasswordHash::with_salt(&password, 10, salt).unwrap().0,
                vector
            );
            assert!(stored(vector).verify(&password));
        }
    }

    #[derive(Deserialize)]
    struct Vector {
        password: String,
        hash: PasswordHash,
    }

    #[test]
    fn hashes_that_python_made_verify() {
        let vectors = include_str!("password-hash-vectors.json");
        let vectors: Vec<Vector> = serde_json::from_str(vectors).unwrap();
        assert_eq!(vectors.len(), 13);
        for one in &vectors {
            for other in &vectors {
                let same = nfc(&one.password) == nfc(&other.password);
                let password = Password::of(&other.password);
                assert_eq!(one.hash.verify(&password), same, "{:?}", other.password);
            }
        }
    }

    #[test]
    fn p3_p4_no_length_is_truncated_and_nul_is_distinct() {
        for length in [71, 72, 73, 74, 100] {
            let hash =
                PasswordHash::compute(&Password::of(&("x".repeat(length) + "a")), 4).unwrap();
            assert!(
                !hash.verify(&Password::of(&("x".repeat(length) + "b"))),
                "{length}"
            );
        }
        let texts = ["", "\0", "a\0b", "a"];
        for a in texts {
            let hash = PasswordHash::compute(&Password::of(a), 4).unwrap();
            for b in texts {
                assert_eq!(hash.verify(&Password::of(b)), a == b, "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn p5_spellings_of_one_character_are_one_password() {
        let hash = PasswordHash::compute(&Password::of("caf\u{e9}"), 4).unwrap();
        assert!(hash.verify(&Password::of("cafe\u{301}")));
    }

    #[test]
    fn p8_hashes_of_an_older_service_verify_and_are_outdated() {
        let plain = bcrypt::hash("Admin@123", 4).unwrap();
        for version in ["$2a$", "$2b$", "$2y$"] {
            let hash = stored(&plain.replacen("$2b$", version, 1));
            assert!(hash.verify(&Password::of("Admin@123")));
            assert!(!hash.verify(&Password::of("Admin@124")));
            assert!(hash.is_outdated(4));
        }
        assert!(stored(ADMIN_123).is_outdated(12));
        assert!(!stored(ADMIN_123).is_outdated(10));
    }

    /// `Admin@123` and 80 times the letter x, computed by another implementation of bcrypt at cost 10.
    const PLAIN: &str = "$2b$10$n79VH.0Q2TMWmt3Oqt9uku.SBThleLH6zx47f78bZvfFzW2i50PkW";
    const PLAIN_LONG: &str = "$2b$10$n79VH.0Q2TMWmt3Oqt9ukusLGeqY7rQ0MnSkGkK6ByQHfXzOC7Whu";

    #[test]
    fn p4_a_plain_hash_is_of_no_password_with_a_nul() {
        let plain = stored(PLAIN);
        assert!(plain.verify(&Password::of("Admin@123")));
        for text in ["Admin@123\0", "Admin@123\0Admin@123", "Admin@123\0x"] {
            assert!(!plain.verify(&Password::of(text)), "{text:?}");
        }
        let empty = stored(&bcrypt::hash("", 4).unwrap());
        assert!(!empty.verify(&Password::of("\0")));
    }

    #[test]
    fn p8_a_plain_hash_says_nothing_about_what_it_did_not_read() {
        let (plain, new) = (stored(PLAIN_LONG), stored(HUNDRED_X));
        for (text, same, whole) in [
            ("x".repeat(71), false, true),
            ("x".repeat(72), true, false),
            ("x".repeat(80), true, false),
            ("x".repeat(72) + "another", true, false),
            ("x".repeat(71) + "y", false, false),
        ] {
            let password = Password::of(&text);
            assert_eq!(plain.verify(&password), same, "{text}");
            assert_eq!(plain.covers(&password), whole, "{text}");
            assert!(new.covers(&password));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_hash_is_of_its_password_and_no_other(
            one in ".{0,90}",
            other in ".{0,90}",
            change in any::<prop::sample::Index>(),
        ) {
            let hash = PasswordHash::compute(&Password::of(&one), 4).unwrap();
            let again: PasswordHash = serde_json::from_value(hash.as_stored().into()).unwrap();
            prop_assert!(again.verify(&Password::of(&one)));
            let at = one.char_indices().map(|(at, _)| at).nth(change.index(one.chars().count() + 1));
            let (before, after) = one.split_at(at.unwrap_or(one.len()));
            for text in [other, format!("{before}x{after}"), format!("{before}\0{after}")] {
                let same = nfc(&text) == nfc(&one);
                prop_assert_eq!(again.verify(&Password::of(&text)), same);
            }
        }
    }

    #[test]
    fn p9_a_damaged_hash_is_nobodys_and_answers_at_once() {
        let costly = ADMIN_123.replace("r=10", "r=31");
        let foreign = ADMIN_123.replace("njLg", "nj\u{e9}g");
        let not_ascii = PLAIN.replace("u.SB", "u.\u{e9}");
        let broken_version = PLAIN.replace("$2b$", "$2x$");
        for text in [
            "",
            "$",
            "$2b$",
            "$2x$10$short",
            "$2b$31$",
            &costly,
            &foreign,
            &not_ascii,
            &broken_version,
            &ADMIN_123[..60],
        ] {
            assert!(!stored(text).verify(&Password::of("Admin@123")), "{text}");
        }
        assert!(!PasswordHash::dummy(4).verify(&Password::of("")));
    }
}
