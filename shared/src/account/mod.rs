//! Actions on one's own account.

mod email_change;
mod password_change;
mod password_reset;
mod profile;
mod token_use;

pub use email_change::{request_email, undo_email_change, verify_email};
pub use password_change::change_password;
pub use password_reset::{request_password_reset, reset_password};
pub use profile::{ProfileChange, change_profile, memberships};
