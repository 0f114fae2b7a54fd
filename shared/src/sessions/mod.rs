//! Sessions: a login opens one, refresh tokens continue it, a logout ends it.
//!
//! Every access token belongs to a session and ends with it. A session is alive while its document exists, it has not
//! expired, and its epochs and its membership are the current ones.

mod list;
mod login;
mod logout;
mod refresh_token;
mod refreshing;
mod revocation;

pub use list::{SessionPage, list};
pub use login::{log_in, open};
pub use logout::{end_session, log_out, log_out_everywhere};
pub use refreshing::refresh;
pub(crate) use revocation::{count_sessions_in, revoke_all};
