//! Shared test support: the service on a free port with its own databases, a real mongod, and a fake Secrets Manager
//! that can fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod calls;
mod consistency;
mod database;
mod documents;
mod log_capture;
mod mail;
mod members;
mod mongod_process;
mod operator;
mod owner;
mod replica_set;
mod response;
mod secrets;
mod secrets_manager;
mod service;
mod smtp_server;
mod victim;

pub use consistency::Snapshot;
pub use documents::all;
pub use log_capture::{assert_no_secret, lines_of, secret_in};
pub use mail::{SentMail, WITH_MAIL};
pub use mongod_process::{MongodProcess, shared_mongod, start_mongod};
pub use owner::Owner;
pub use replica_set::ReplicaSet;
pub use response::{Response, Tokens};
pub use secrets::{PASSWORD, PEPPER, SIGNING_SECRET};
pub use secrets_manager::{Failure, FakeSecretsManager, with_uri_in_secret};
pub use service::{TestService, local_secret};
pub use smtp_server::SmtpServer;
pub use victim::Victim;
