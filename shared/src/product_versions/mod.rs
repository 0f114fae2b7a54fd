//! What a tenant starts with: the indexes and documents that a product declares in a file, as a numbered version.
//!
//! [`parse`] reads the file, and a [`Rollout`] brings it into the tenants' collections. Onboarding applies the newest
//! published version to a new tenant.

mod application;
mod definition;
mod error;
mod history;
mod rollout;

pub use definition::{DefinitionErrors, parse};
pub use error::RolloutError;
pub use rollout::{Changes, Progress, Rollout, RolloutReport};
