//! Who is calling: by a token, or by email and password.

mod authenticated_admin;
mod authentication;
mod proved_admin;
mod refused_login;
mod session_guard;

pub use authenticated_admin::AuthenticatedAdmin;
pub use authentication::{Credentials, log_in};
pub(crate) use authentication::{PasswordConfirmed, authenticate, confirm_password};
pub use proved_admin::ProvedAdmin;
