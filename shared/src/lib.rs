//! The crate behind all functions: values, storage, authentication, use cases, and the runtime on Lambda.
//!
//! Each module uses only modules above it in this list. `docs/architecture.md` draws the order, and `.ci/module-order`
//! checks it.

pub mod values;
pub mod version;

pub mod problem;

pub mod config;

pub mod aws;
pub mod clock;
pub mod log;
pub mod metrics;
mod pepper;
mod random;
pub mod secrets;

pub mod http;
pub mod password_hasher;

pub mod mongo;

pub mod model;

pub mod store;

mod one_time_tokens;
pub mod throttle;
pub mod tokens;

pub mod state;

pub mod request;

pub mod outbox;

pub mod auth;

pub mod tenant;

pub mod sessions;

pub mod account;
pub mod audit;
pub mod organizations;
pub mod product_versions;

pub mod start;

pub mod lambda;

pub mod product;
