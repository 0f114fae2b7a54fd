//! A hash that only those can compute who have the control plane's secret: it names what it stands for to
//! nobody else.

use aws_lc_rs::hmac;

pub struct KeyedHash(hmac::Key);

impl KeyedHash {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Of `parts`, in hexadecimal digits. Different lists of parts never have one hash.
    pub(crate) fn of(&self, parts: &[&str]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part.as_bytes());
        }
        let tag = context.sign();
        tag.as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
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
    }
}
