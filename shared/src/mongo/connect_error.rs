//! Connection errors of MongoDB, with messages for the operator.

use mongodb::error::{Error, ErrorKind};

use super::errors;
use crate::problem::Problem;
use crate::secrets::SecretError;

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Permanent: an operator must act.
    #[error("{0}")]
    Fatal(String),
    #[error("{0}")]
    Unavailable(String),
    /// Permanent, like [`Self::Fatal`].
    #[error(transparent)]
    Schema(#[from] SchemaMismatch),
}

/// The stored documents have another shape than this version of the service reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaMismatch {
    #[error(
        "MASTER_DB holds data of an earlier version of this service, which this version cannot read. No earlier version \
         was released, so there is no migration: set MASTER_DB and TENANT_DB to new names, or drop both databases"
    )]
    Older,
    #[error(
        "MASTER_DB holds data of a later version of this service, which this version cannot read: deploy that version \
         again, or restore a backup from before the upgrade"
    )]
    Newer,
}

impl From<SecretError> for ConnectError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Unusable { .. } => Self::Fatal(error.to_string()),
            SecretError::Unavailable { .. } => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        let text = errors::describe(&error);
        if let ErrorKind::ServerSelection { message, .. } = error.kind.as_ref()
            && let Some(fault) = selection_error(message)
        {
            return Self::Fatal(format!("{fault}: {text}"));
        }
        match *error.kind {
            ErrorKind::Authentication { .. } => Self::Fatal(format!(
                "MongoDB refused the credentials of the connection string: {text}"
            )),
            _ if errors::is_denied(&error) => Self::Fatal(format!(
                "MongoDB denied a command: {text}. The database user needs readWrite on MASTER_DB and TENANT_DB"
            )),
            _ if errors::is_permanent(&error) => {
                Self::Fatal(format!("this MongoDB cannot be used: {text}"))
            }
            _ => Self::Unavailable(format!("MongoDB cannot be reached: {text}")),
        }
    }
}

/// The configuration error behind a failed server selection, if the driver's message reveals it.
fn selection_error(message: &str) -> Option<&'static str> {
    // rustls reports a refused certificate with this message.
    if message.contains("invalid peer certificate") {
        return Some(
            "the certificate of MongoDB is not trusted; check tlsCAFile and the host names of the connection string",
        );
    }
    // The driver removes servers of a different replica set from the topology.
    if message.contains("Set Name: ") && !message.contains("Servers: ") {
        return Some(
            "no server of the connection string is a member of the replica set that replicaSet names. A standalone \
             server has no transactions: start it with --replSet rs0 and run rs.initiate() once, or use MongoDB Atlas",
        );
    }
    None
}

/// Logs the reason.
impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        tracing::error!(%error, "cannot connect to MongoDB");
        match error {
            ConnectError::Fatal(_) | ConnectError::Schema(_) => Self::internal(),
            ConnectError::Unavailable(_) => Self::unavailable(),
        }
    }
}
