//! The stack on the local machine: the functions' executables under Lambda's runtime API, a MongoDB that requires TLS
//! and a password, and Secrets Manager.
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
mod local_aws;
mod mail;
mod observability;
mod parameters;
mod product;
mod product_user;
mod rights;
mod secured_mongod;
mod start;
mod template;
mod workflows;
