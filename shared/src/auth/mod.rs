//! Who is calling: by a token, or by email and password.

mod authentication;
mod caller;
mod refused_login;
mod session_guard;
mod verified_login;

pub use authentication::{Credentials, log_in};
pub(crate) use authentication::{Reauthenticated, authenticate, reauthenticate};
pub use caller::Caller;
pub use verified_login::VerifiedLogin;
