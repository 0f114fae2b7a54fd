//! What every function of the service stands on, by subject.
//!
//! `organizations`, `admins`, `sessions`, `tokens`, `attempts` and `audit` are the product. `mongo`, `http` and
//! `lambda` connect it to the world; `config` and `app` are what a process reads and builds once. Value types (a
//! name, an email, a password) know nothing of MongoDB, HTTP or AWS.

pub mod admins;
pub mod app;
pub mod attempts;
pub mod audit;
pub mod clock;
pub mod config;
pub mod http;
mod keyed_hash;
pub mod lambda;
pub mod log;
pub mod metrics;
pub mod mongo;
pub mod organizations;
pub mod problem;
pub mod secrets;
pub mod sessions;
pub mod start;
pub mod text;
pub mod tokens;
