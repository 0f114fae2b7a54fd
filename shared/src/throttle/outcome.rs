//! What came of a guess.

/// What came of a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A login: the address is known to the account from now on.
    LoggedIn,
    /// Right, in a request that is no login.
    Right,
    Wrong,
    /// No hash was compared; or it was right, and something failed then, or it says nothing of today's password.
    Undecided,
}
