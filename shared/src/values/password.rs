//! Passwords. The rules follow NIST SP 800-63B-4: a minimum length and a blocklist, no composition rules.

use secrecy::{ExposeSecret, SecretString};

use super::text::{caseless_key, fold_white_space, nfc, opaque_string};
use crate::problem::FieldError;

/// A password, prepared by the OpaqueString profile of RFC 8265. Never printed or truncated.
#[derive(Clone, Debug)]
pub struct Password {
    prepared: SecretString,
    /// The password only in NFC, if that differs: older hashes are of this form.
    unprepared: Option<SecretString>,
}

/// Requirements for a new password.
pub struct PasswordPolicy<'a> {
    /// Name of the request field, for errors.
    pub field: &'static str,
    /// In characters (code points).
    pub min_length: usize,
    /// Passwords that are easy to guess for this account: the email, the organization's name.
    pub context: &'a [&'a str],
}

/// The 20,000 most common passwords, without those that are too short. From Django, see `common-passwords.md`.
const COMMON: &str = include_str!("common-passwords.txt");

impl Password {
    /// Accepts any text, for logins.
    pub fn new(text: &SecretString) -> Self {
        let text = text.expose_secret();
        let (prepared, unprepared) = (opaque_string(text), nfc(text));
        Self {
            unprepared: (unprepared != prepared).then(|| unprepared.into()),
            prepared: prepared.into(),
        }
    }

    /// A new password, if `policy` allows it.
    pub fn choose(text: &SecretString, policy: &PasswordPolicy<'_>) -> Result<Self, FieldError> {
        let password = Self::new(text);
        let invalid = |code, message| FieldError {
            field: policy.field,
            code,
            message,
        };
        if password.expose().chars().count() < policy.min_length {
            let message = format!("must have at least {} characters", policy.min_length);
            return Err(invalid("too_short", message));
        }
        if is_common(password.expose()) {
            return Err(invalid(
                "too_common",
                "is one of the most common passwords".to_owned(),
            ));
        }
        let key = |text: &str| caseless_key(&fold_white_space(text));
        let own = key(password.expose());
        if policy.context.iter().any(|text| key(text) == own) {
            let message = "must be neither the email nor the organization's name".to_owned();
            return Err(invalid("too_guessable", message));
        }
        Ok(password)
    }

    pub(super) fn expose(&self) -> &str {
        self.prepared.expose_secret()
    }

    /// The unprepared form, from which older hashes were computed. None if it is the same as the prepared one.
    pub(crate) fn unprepared(&self) -> Option<Self> {
        let prepared = self.unprepared.clone()?;
        Some(Self {
            prepared,
            unprepared: None,
        })
    }
}

#[cfg(test)]
impl Password {
    pub(super) fn of(text: &str) -> Self {
        Self::new(&text.into())
    }
}

fn is_common(password: &str) -> bool {
    let password = password.to_lowercase();
    // A linear search: the hash that follows takes much longer.
    COMMON.lines().any(|common| common == password)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Option<&'static str> {
        let policy = PasswordPolicy {
            field: "password",
            min_length: 8,
            context: &["admin@example.com", "Akshay Pvt Ltd"],
        };
        Password::choose(&text.into(), &policy)
            .err()
            .map(|error| error.code)
    }

    #[test]
    fn p1_length_counts_characters() {
        assert_eq!(refusal("Adm@123"), Some("too_short"));
        assert_eq!(refusal("Admin@123"), None);
        assert_eq!(refusal(&"🦀".repeat(7)), Some("too_short"));
        assert_eq!(refusal(&"🦀".repeat(8)), None);
        assert_eq!(refusal(&"🦀".repeat(64)), None);
        assert_eq!(refusal("correct horse battery staple"), None);
    }

    #[test]
    fn p7_every_common_password_is_refused() {
        let long_enough = COMMON.lines().filter(|common| common.chars().count() >= 8);
        assert_eq!(long_enough.clone().count(), 8_346);
        for common in long_enough {
            assert_eq!(refusal(common), Some("too_common"), "{common}");
        }
        assert_eq!(refusal("PassWord1"), Some("too_common"));
    }

    #[test]
    fn p7_the_email_and_the_organizations_name_are_refused() {
        assert_eq!(refusal("ADMIN@example.com"), Some("too_guessable"));
        assert_eq!(refusal("akshay pvt ltd"), Some("too_guessable"));
    }
}
