//! Test passwords and secrets. None of them may appear in a log.

pub const PASSWORD: &str = "Admin@123";
pub const SIGNING_SECRET: &str = "a signing secret of 32 bytes or more";
pub const PEPPER: &str = "a canary pepper of 32 bytes or more";
