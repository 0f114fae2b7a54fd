//! A hash that cannot be computed without the pepper, a secret that the database does not hold: what is stored as such a
//! hash cannot be guessed from a copy of the database.

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};

/// Length of a mark.
pub(crate) const MARK_BYTES: usize = 16;

/// HMAC-SHA-256 wants a key at least as long as its hash (RFC 2104, section 3), in bytes.
const MIN_BYTES: usize = 32;

#[derive(Clone)]
pub struct KeyedHash(hmac::Key);

#[derive(Debug, thiserror::Error)]
#[error("the pepper has {0} bytes, {MIN_BYTES} are the least")]
pub struct PepperTooShort(usize);

impl KeyedHash {
    pub(crate) fn new(pepper: &SecretString) -> Result<Self, PepperTooShort> {
        match pepper.expose_secret().as_bytes() {
            bytes if bytes.len() < MIN_BYTES => Err(PepperTooShort(bytes.len())),
            bytes => Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))),
        }
    }

    /// Of `parts`, in hexadecimal digits. Different lists of parts never have one hash.
    pub(crate) fn of<T: AsRef<[u8]>>(&self, parts: &[T]) -> String {
        let tag = self.tag(parts);
        tag.as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Half of the hash: a mark on what we give away, by which we know it again.
    pub(crate) fn mark<T: AsRef<[u8]>>(&self, parts: &[T]) -> [u8; MARK_BYTES] {
        let mut mark = [0; MARK_BYTES];
        let tag = self.tag(parts);
        mark.iter_mut()
            .zip(tag.as_ref())
            .for_each(|(to, from)| *to = *from);
        mark
    }

    /// Whether `mark` is the one of `parts`, in a time that does not tell how much of it is right.
    pub(crate) fn is_mark<T: AsRef<[u8]>>(&self, mark: &[u8], parts: &[T]) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(mark, &self.mark(parts)).is_ok()
    }

    fn tag<T: AsRef<[u8]>>(&self, parts: &[T]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts.iter().map(AsRef::as_ref) {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        context.sign()
    }
}

/// A keyed hash for tests.
#[cfg(test)]
pub(crate) fn with_pepper(letter: &str) -> KeyedHash {
    let pepper = letter.repeat(MIN_BYTES).into();
    KeyedHash::new(&pepper).unwrap_or_else(|_| unreachable!("the pepper is long enough"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_pepper_decide() {
        let hash = with_pepper("a");
        assert_eq!(hash.of(&["ab", "c"]), hash.of(&["ab", "c"]));
        assert_ne!(hash.of(&["ab", "c"]), hash.of(&["a", "bc"]));
        assert_ne!(hash.of(&["ab"]), with_pepper("b").of(&["ab"]));
        assert!(hash.is_mark(&hash.mark(&["ab"]), &["ab"]));
        assert!(!hash.is_mark(&hash.mark(&["ab"]), &["abc"]));
        assert!(!hash.is_mark(b"", &["ab"]));
    }

    #[test]
    fn a_pepper_has_32_bytes_or_more() {
        assert!(KeyedHash::new(&"x".repeat(31).into()).is_err());
        assert!(KeyedHash::new(&"x".repeat(32).into()).is_ok());
    }
}
