//! The service on the own machine: every function's handler behind one port, a real mongod underneath.

mod api;
mod arguments;
mod cors;
mod dev_routes;
mod local_mail;
mod local_secrets;
mod product_command;
mod product_route;
mod purge_schedule;
mod settings;
mod welcome;

pub use api::{CONNECTIONS, connected, openapi_document, routes};
pub use arguments::{Arguments, Command, Options, ProductCommand};
pub use cors::cors;
pub use dev_routes::{DevRefused, permit_dev, with_dev_routes};
pub use local_mail::relay_mail;
pub use local_secrets::{dev_password, pepper, token_secret};
pub use product_command::{ProductCommandError, apply_product};
pub use product_route::{ProductRoute, with_product_routes};
pub use purge_schedule::purge_on_schedule;
pub use settings::LocalSettings;
pub use welcome::{own_url, welcome};
