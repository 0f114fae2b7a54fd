//! Why there is no connection to MongoDB, in words for the operator.

use mongodb::error::{Error, ErrorKind};

use super::errors;
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
            _ => Self::Unavailable(format!("MongoDB cannot be reached: {text}")),
        }
    }
}
