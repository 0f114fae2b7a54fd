//! A hash that only those can compute who have the control plane's secret: it names what it stands for to
//! nobody else.

use aws_lc_rs::hmac;

/// Length of a mark.
pub(crate) const MARK_BYTES: usize = 16;

pub struct KeyedHash(hmac::Key);

impl KeyedHash {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_secret_decide() {
        let hash = KeyedHash::new(b"secret");
        assert_eq!(hash.of(&["ab", "c"]), hash.of(&["ab", "c"]));
        assert_ne!(hash.of(&["ab", "c"]), hash.of(&["a", "bc"]));
        assert_ne!(hash.of(&["ab"]), KeyedHash::new(b"another").of(&["ab"]));
        assert!(hash.is_mark(&hash.mark(&["ab"]), &["ab"]));
        assert!(!hash.is_mark(&hash.mark(&["ab"]), &["abc"]));
        assert!(!hash.is_mark(b"", &["ab"]));
    }
}
