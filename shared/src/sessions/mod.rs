//! Sessions: what begins with a login, goes on by refresh tokens, and can be ended.
//!
//! Every access token belongs to a session and dies with it. A session is alive while its document is there,
//! its time has not run out, and its epoch is its admin's: ending all sessions of an admin is one change of
//! the admin, however many there are, which a login or refresh that runs at the same time cannot undo. Their
//! documents stay until their time has run out.

mod ending;
mod limit;
mod opening;
mod refresh_token;
mod refreshing;

pub(crate) use ending::count_alive;
pub use ending::{end, end_everywhere};
pub use opening::open;
pub use refreshing::refresh;
