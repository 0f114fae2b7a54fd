//! What an admin does with the own account.

mod password_change;

pub use password_change::change_password;
