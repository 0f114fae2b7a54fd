//! The request of a company that onboards itself.

use secrecy::SecretString;

use crate::values::{EmailAddress, FieldError, OrganizationName, Password, PasswordPolicy};

/// Name, email and password of a company, validated.
pub struct NewOrganization {
    pub(super) name: OrganizationName,
    pub(super) email: EmailAddress,
    pub(super) password: Password,
}

impl NewOrganization {
    /// Fails with the errors of all fields. `min_length` is the password's, in characters.
    pub fn parse(
        name: &str,
        email: &str,
        password: &SecretString,
        min_length: usize,
    ) -> Result<Self, Vec<FieldError>> {
        let policy = PasswordPolicy {
            field: "password",
            min_length,
            context: &[email, name],
        };
        let password = Password::choose(password, &policy);
        match (
            OrganizationName::parse(name),
            EmailAddress::parse(email),
            password,
        ) {
            (Ok(name), Ok(email), Ok(password)) => Ok(Self {
                name,
                email,
                password,
            }),
            (name, email, password) => {
                let errors = [name.err(), email.err(), password.err()];
                Err(errors.into_iter().flatten().collect())
            }
        }
    }
}
