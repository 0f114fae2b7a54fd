//! The outcome of an attempt at a password.

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A login. From now on the address is not a new one for this account.
    LoggedIn,
    /// The password was right, in a request that is no login.
    Right,
    Wrong,
    /// Neither: no hash was compared, a later step failed, or the matching password is no longer current.
    Undecided,
}
