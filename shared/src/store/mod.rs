//! The service's databases: typed collections, indexes, and the connection to them.

mod alive_session;
mod connection;
mod databases;
mod indexes;
mod lease;
mod lock;
mod mongo;
mod tenant_data;
mod write;

pub(crate) use alive_session::alive;
pub use databases::Databases;
pub use lease::Lease;
pub(crate) use lock::{lock_admin, lock_session};
pub use mongo::Mongo;

/// Unique indexes of the control plane, by the name that a duplicate key error has.
pub mod index {
    /// Every collection has it.
    pub const ID: &str = "_id_";
    pub const NAME_KEY: &str = "name_key";
    pub const COLLECTION_NAME: &str = "collection_name";
    pub const EMAIL_KEY: &str = "email_key";
}
