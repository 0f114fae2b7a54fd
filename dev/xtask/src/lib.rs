//! Tasks of the workspace, see `main.rs`.

pub mod dist;
pub mod functions;
pub mod generated;
mod requests;
