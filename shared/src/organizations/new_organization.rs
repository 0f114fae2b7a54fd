//! What a company sends to be onboarded.

use tokio::time::Instant;

use crate::http::ClientAddress;
use crate::values::{EmailAddress, FieldError, OrganizationName, Password, PasswordPolicy};

/// What a company says about itself.
pub struct NewOrganization {
    pub(super) name: OrganizationName,
    pub(super) email: EmailAddress,
    pub(super) password: Password,
}

impl NewOrganization {
    /// The faults are those of all fields. `min_length` is the password's, in characters.
    pub fn parse(
        name: &str,
        email: &str,
        password: &str,
        min_length: usize,
    ) -> Result<Self, Vec<FieldError>> {
        let policy = PasswordPolicy {
            field: "password",
            min_length,
            context: &[email, name],
        };
        let name = OrganizationName::parse(name);
        let email = EmailAddress::parse(email);
        match (name, email, Password::choose(password, &policy)) {
            (Ok(name), Ok(email), Ok(password)) => Ok(Self {
                name,
                email,
                password,
            }),
            (name, email, password) => Err([name.err(), email.err(), password.err()]
                .into_iter()
                .flatten()
                .collect()),
        }
    }
}

/// The request that asks for it.
pub struct Caller {
    pub address: ClientAddress,
    /// The request's `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    pub deadline: Instant,
}
