//! Actions on one's own account.

mod password_change;
mod password_reset;
mod profile;

pub use password_change::change_password;
pub use password_reset::{request_password_reset, reset_password};
pub use profile::{ProfileChange, change_profile, memberships};
