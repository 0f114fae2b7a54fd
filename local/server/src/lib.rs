//! The service on the own machine: every function's handler behind one port, a real mongod underneath.

mod api;
mod cors;
mod purge_schedule;
mod settings;
mod signing_secret;

pub use api::{CONNECTIONS, api, connected, openapi_document};
pub use cors::cors;
pub use purge_schedule::purge_on_schedule;
pub use settings::LocalSettings;
pub use signing_secret::token_secret;
