//! Actions of an admin on its own account.

mod password_change;

pub use password_change::change_password;
