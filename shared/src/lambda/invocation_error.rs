//! The error of an invocation, for CloudWatch and the invoking service.

use std::fmt;

use lambda_runtime::Diagnostic;

use crate::problem::Problem;
use crate::tokens::RotationError;

/// Lambda logs its type and message, and counts a function error.
#[derive(Debug)]
pub struct InvocationError {
    /// Stable, in PascalCase, for log filters.
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
