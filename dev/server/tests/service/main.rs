//! The service's promises, tested from outside: the real router on a free port, a real mongod underneath, and
//! databases of its own for each test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod rate_limits;
mod audit_trail;
mod session_guard;
mod authorizer;
mod request_bodies;
mod local_server;
mod delete_organization;
mod documents;
mod failover;
mod faults;
mod harness;
mod idempotency;
mod isolation;
mod login;
mod logs;
mod create_organization;
mod outages;
mod crashes;
mod properties;
mod purge;
mod indexes;
mod audit_atomicity;
mod rename_organization;
mod secrets;
mod secrets_manager;
mod sessions;
mod tenant_handle;
mod access_tokens;
