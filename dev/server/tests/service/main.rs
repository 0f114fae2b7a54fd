//! Black-box tests of the service: the real router on a free port, a real mongod, and separate databases for each
//! test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod access_tokens;
mod account;
mod audit_atomicity;
mod audit_trail;
mod authorizer;
mod closing;
mod contradictions;
mod crashes;
mod create_organization;
mod delete_organization;
mod dev_routes;
mod documents;
mod email_change;
mod failover;
mod faults;
mod histories;
mod holds;
mod idempotency;
mod indexes;
mod isolation;
mod jobs;
mod killed;
mod local_server;
mod local_settings;
mod login;
mod logs;
mod mail_delivery;
mod memberships;
mod outages;
mod password_reset;
mod product_access;
mod product_function;
mod product_route;
mod product_versions;
mod properties;
mod purge;
mod rate_limits;
mod rename_organization;
mod request_bodies;
mod responses;
mod schema_version;
mod secrets;
mod session_guard;
mod sessions;
mod tenant_handle;
