//! The parts of AWS around the functions, on this machine: Lambda's runtime API, Secrets Manager, and the
//! transforms of CloudFormation.

mod binaries;
mod function;
mod python;
mod runtime_api;
mod secrets_manager;
mod template;

pub use binaries::{Profile, build, target};
pub use function::{Function, NotStarted};
pub use secrets_manager::SecretsManager;
pub use template::{lint, transformed};
