//! The audit trail: what was done in an organization, by whom and from where.
//!
//! An event is written in the transaction of what it records, so that there is one exactly when the other
//! happened. An action that ends sessions writes one event: the writes of a logout everywhere do not grow
//! with what it ends. Events hold no secrets.

mod cursor;
mod trail;

pub use cursor::Cursor;
pub use trail::{MAX_PAGE, Page, page};
