//! The pepper: the key of the service's HMACs. The database does not contain it, so values that are stored as such a
//! hash cannot be guessed from a copy of the database.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};

/// Length of [`Pepper::mac`], in bytes.
pub(crate) const MAC_BYTES: usize = 16;

/// Minimum length in bytes: a key should be at least as long as the hash (RFC 2104, section 3).
const MIN_BYTES: usize = 32;

#[derive(Clone)]
pub struct Pepper(hmac::Key);

#[derive(Debug, thiserror::Error)]
#[error("the pepper has {0} bytes; it needs at least {MIN_BYTES}")]
pub struct PepperTooShort(usize);

impl Pepper {
    pub(crate) fn new(secret: &SecretString) -> Result<Self, PepperTooShort> {
        match secret.expose_secret().as_bytes() {
            bytes if bytes.len() < MIN_BYTES => Err(PepperTooShort(bytes.len())),
            bytes => Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))),
        }
    }

    /// HMAC-SHA-256 of `parts`, in hexadecimal digits. Different lists of parts have different hashes.
    pub(crate) fn hash<T: AsRef<[u8]>>(&self, parts: &[T]) -> String {
        hex::encode(self.sign(parts))
    }

    /// The first half of the HMAC of `parts`. It authenticates tokens and cursors that the service issued.
    pub(crate) fn mac<T: AsRef<[u8]>>(&self, parts: &[T]) -> [u8; MAC_BYTES] {
        let mut mac = [0; MAC_BYTES];
        let tag = self.sign(parts);
        mac.iter_mut()
            .zip(tag.as_ref())
            .for_each(|(to, from)| *to = *from);
        mac
    }

    /// Whether `mac` is the one of `parts`, compared in constant time.
    pub(crate) fn verify_mac<T: AsRef<[u8]>>(&self, mac: &[u8], parts: &[T]) -> bool {
        verify_slices_are_equal(mac, &self.mac(parts)).is_ok()
    }

    fn sign<T: AsRef<[u8]>>(&self, parts: &[T]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts.iter().map(AsRef::as_ref) {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        context.sign()
    }
}

/// A pepper for tests.
#[cfg(test)]
pub(crate) fn test_pepper(letter: &str) -> Pepper {
    let secret = letter.repeat(MIN_BYTES).into();
    Pepper::new(&secret).unwrap_or_else(|_| unreachable!("it is long enough"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_each_part_and_on_the_pepper() {
        let pepper = test_pepper("a");
        assert_eq!(pepper.hash(&["ab", "c"]), pepper.hash(&["ab", "c"]));
        assert_ne!(pepper.hash(&["ab", "c"]), pepper.hash(&["a", "bc"]));
        assert_ne!(pepper.hash(&["ab"]), test_pepper("b").hash(&["ab"]));
        assert!(pepper.verify_mac(&pepper.mac(&["ab"]), &["ab"]));
        assert!(!pepper.verify_mac(&pepper.mac(&["ab"]), &["abc"]));
        assert!(!pepper.verify_mac(b"", &["ab"]));
    }

    #[test]
    fn a_pepper_has_at_least_32_bytes() {
        assert!(Pepper::new(&"x".repeat(31).into()).is_err());
        assert!(Pepper::new(&"x".repeat(32).into()).is_ok());
    }
}
