//! How an invocation failed, for CloudWatch and for the service that invoked the function.

use std::fmt;

use lambda_runtime::Diagnostic;

use crate::problem::Problem;
use crate::tokens::RotationError;

/// Lambda logs its type and its message, and counts an error of the function.
#[derive(Debug)]
pub struct InvocationError {
    /// In PascalCase, stable: for filters of the log.
    error_type: &'static str,
    message: String,
}

impl InvocationError {
    pub fn new(error_type: &'static str, message: impl Into<String>) -> Self {
        Self {
            error_type,
            message: message.into(),
        }
    }
}

impl fmt::Display for InvocationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<InvocationError> for Diagnostic {
    fn from(error: InvocationError) -> Self {
        Self {
            error_type: error.error_type.to_owned(),
            error_message: error.message,
        }
    }
}

impl From<Problem> for InvocationError {
    fn from(problem: Problem) -> Self {
        let error_type = match problem.code.status().as_u16() {
            503 => "ServiceUnavailable",
            _ => "InternalError",
        };
        Self::new(error_type, problem.to_string())
    }
}

impl From<RotationError> for InvocationError {
    fn from(error: RotationError) -> Self {
        let error_type = match &error {
            RotationError::Secret(_) => "SecretsManagerError",
            RotationError::NoRandomness => "NoRandomness",
            RotationError::NotPending(_) => "VersionNotPending",
            RotationError::TooLate(_) => "VersionTooOld",
            RotationError::TooShort(_) => "SecretTooShort",
        };
        Self::new(error_type, error.to_string())
    }
}
