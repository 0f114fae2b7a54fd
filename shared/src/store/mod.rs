//! The service's databases: typed collections, indexes, locks, and the connection to them.

mod connection;
mod databases;
mod indexes;
mod jobs;
mod lease;
pub(crate) mod locks;
mod mongo;
mod outbox;
mod principals;
mod product_access;
mod product_versions;
mod purge;
mod schema;
mod tenant_data;
mod tombstones;
mod write;

pub use databases::Databases;
pub(crate) use jobs::Following;
pub use lease::Lease;
pub use mongo::Mongo;
pub(crate) use tenant_data::TenantLocation;

/// How many names one query compares.
const NAMES_PER_QUERY: usize = 1000;

/// Unique indexes of the control plane, by the name that a duplicate key error has.
pub mod index {
    /// Every collection has it.
    pub const ID: &str = "_id_";
    pub const NAME_KEY: &str = "name_key";
    pub const COLLECTION_NAME: &str = "collection_name";
    pub const ADDRESSES: &str = "addresses";
}
