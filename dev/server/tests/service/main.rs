//! The service's promises, tested from outside: the real router on a free port, a real mongod underneath, and
//! databases of its own for each test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod attempts;
mod audit;
mod authority;
mod authorizer;
mod bodies;
mod cargo_run;
mod deletion;
mod documents;
mod failover;
mod faults;
mod harness;
mod idempotency;
mod isolation;
mod login;
mod logs;
mod onboarding;
mod outages;
mod processes;
mod properties;
mod purge;
mod queries;
mod recorded;
mod renaming;
mod secrets;
mod secrets_manager;
mod sessions;
mod tenant_collection;
mod tokens;
