//! MongoDB driver: options, error classification, transactions with a deadline.

mod connect_error;
mod connection_string;
mod cursor;
mod duplicate;
mod errors;
mod options;
mod reachability;
mod topology;
mod transaction;

pub use connect_error::{ConnectError, SchemaMismatch};
pub(crate) use connection_string::ConnectionString;
pub(crate) use cursor::{collect, collect_readable};
pub(crate) use duplicate::OnDuplicate;
pub(crate) use errors::{
    code as error_code, error_message, is_connection_failure, suspicious_errors,
};
pub use errors::{
    duplicate_index, is_duplicate, is_write_conflict, log_error, names_existing_collection,
};
pub(crate) use options::with_defaults;
pub(crate) use reachability::Reachability;
pub(crate) use topology::check_server;
pub use transaction::{Scope, TransactionError, Writes, run_transaction};
pub(crate) use transaction::{TransactionSession, run_in_session};
