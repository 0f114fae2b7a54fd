//! Actions on one's own account.

mod password_change;

pub use password_change::change_password;
