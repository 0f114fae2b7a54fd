//! Errors that the OpenAPI document shows.

use shared::problem::Problem;
use shared::values::{EmailAddress, Password, PasswordPolicy};

/// The response to a text that is not an email address.
pub fn no_address() -> Problem {
    Problem::validation(EmailAddress::parse("admin").err().into_iter().collect())
}

/// The response to a new password that is too short.
pub fn too_short() -> Problem {
    let policy = PasswordPolicy {
        field: "new_password",
        min_length: 8,
        context: &[],
    };
    let refused = Password::choose(&"short".into(), &policy).err();
    Problem::validation(refused.into_iter().collect())
}
