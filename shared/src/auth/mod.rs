//! Authentication: by access token, or by email and password.

mod caller;
mod credentials;
mod live_session;
mod reauthentication;
mod refused_login;
mod session_guard;
mod verified_login;

pub use caller::Caller;
pub(crate) use credentials::verify_credentials;
pub use credentials::{Credentials, verify_login};
pub(crate) use live_session::session_if_alive;
pub(crate) use reauthentication::{Reauthenticated, reauthenticate};
pub use verified_login::VerifiedLogin;
