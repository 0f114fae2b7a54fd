//! The audit trail: what was done in an organization, by whom and from where.
//!
//! An event is written in the transaction of the action that it records: both are committed, or neither.
//! An action that ends sessions writes one event for all of them, so that a logout everywhere has the same
//! number of writes for any number of sessions. Events contain no secrets.

mod cursor;
mod trail;

pub use cursor::Cursor;
pub use trail::{Page, page};
