//! The stack on the own machine: the functions' own executables under Lambda's runtime API, a MongoDB that asks for
//! TLS and a password, and Secrets Manager.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod deployment;
mod documentation;
mod events;
mod examples;
mod functions;
mod harness;
mod observability;
mod parameters;
mod rights;
mod secured_mongod;
mod start;
mod template;
mod workflows;
