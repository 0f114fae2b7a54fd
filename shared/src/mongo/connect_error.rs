//! Why there is no connection to MongoDB, in words for the operator.

use mongodb::error::{Error, ErrorKind};

use super::errors;
use crate::problem::Problem;
use crate::secrets::SecretError;

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Trying again does not help: the operator must do something.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Unavailable(String),
}

impl From<SecretError> for ConnectError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Unusable { .. } => Self::Refused(error.to_string()),
            SecretError::Unavailable { .. } => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        let text = errors::describe(&error);
        match *error.kind {
            ErrorKind::Authentication { .. } => Self::Refused(format!(
                "MongoDB refused the credentials of the connection string: {text}"
            )),
            ErrorKind::InvalidTlsConfig { .. } => Self::Refused(format!(
                "the TLS options of the connection string cannot be used: {text}"
            )),
            ErrorKind::ServerSelection { ref message, .. } if has_invalid_certificate(message) => {
                Self::Refused(format!(
                    "the certificate of MongoDB is not one that this service trusts: {text}. Check tlsCAFile and the \
                     host names of the connection string"
                ))
            }
            _ if errors::is_permanent(&error) => Self::Refused(format!(
                "MongoDB does not do what the service needs: {text}. The database user needs readWrite on MASTER_DB \
                 and TENANT_DB"
            )),
            _ => Self::Unavailable(format!("MongoDB cannot be reached: {text}")),
        }
    }
}

/// The driver reports a server whose certificate rustls refuses as one that it cannot select.
fn has_invalid_certificate(message: &str) -> bool {
    message.contains("invalid peer certificate")
}

/// The reason goes to the log.
impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        tracing::error!(%error, "MongoDB cannot be used");
        match error {
            ConnectError::Refused(_) => Self::internal(),
            ConnectError::Unavailable(_) => Self::unavailable(),
        }
    }
}
