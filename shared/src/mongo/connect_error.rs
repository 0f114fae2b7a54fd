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
            "replicaSet in the connection string is not the name of the servers' replica set",
        );
    }
    None
}

/// Logs the reason.
impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        tracing::error!(%error, "cannot connect to MongoDB");
        match error {
            ConnectError::Fatal(_) => Self::internal(),
            ConnectError::Unavailable(_) => Self::unavailable(),
        }
    }
}
