//! What the statements of a tenant's handle may contain.
//!
//! A statement names no collection, so filters and updates stay in the tenant's. Pipelines could leave it, and are bound
//! to it.

mod filter;
mod pipeline;
mod update;

pub(super) use filter::{check_filter, check_projection};
pub(super) use pipeline::Pipeline;
pub(super) use update::bind_update;
