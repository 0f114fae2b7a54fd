//! Tasks of the workspace, see `main.rs`.

pub mod functions;
pub mod generated;
mod requests;
