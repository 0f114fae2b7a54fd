//! Actions on one's own account.

mod password_change;
mod profile;

pub use password_change::change_password;
pub use profile::{ProfileChange, change_profile, memberships};
