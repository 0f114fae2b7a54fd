//! Why a version is not rolled out.

use mongodb::error::Error;

use crate::model::OrganizationId;
use crate::mongo::{ConnectError, TransactionError, error_message};
use crate::problem::Problem;

#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    #[error(
        "version {0} is stored with other contents. A stored version does not change: give the file the next number"
    )]
    OtherContents(i64),
    #[error("version {newest} is stored: the file's version {number} is older")]
    Older { number: i64, newest: i64 },
    #[error("the stored versions are of the product {0}. A service has one product")]
    OtherProduct(String),
    #[error("MongoDB refuses the indexes or seeds: {0}")]
    Refused(String),
    #[error("another run is active. If it was killed, try again in ten minutes")]
    ActiveElsewhere,
    #[error("there is no organization with the id {0}")]
    NoOrganization(OrganizationId),
    #[error("MongoDB failed: {}", error_message(.0))]
    Mongo(#[from] Error),
    #[error("its document cannot be read")]
    Unreadable,
    #[error(
        "creating a collection with the indexes and seeds takes more than half of the time that onboarding has"
    )]
    TooSlowForOnboarding,
    #[error("MongoDB did not respond in time")]
    TooSlow,
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The log has the reason.
    #[error("{0}")]
    Problem(Problem),
}

impl From<Problem> for RolloutError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<TransactionError<Self>> for RolloutError {
    fn from(error: TransactionError<Self>) -> Self {
        match error {
            TransactionError::Aborted(reason) => reason,
            TransactionError::Mongo(error) => error.into(),
            TransactionError::DeadlineExceeded => Self::TooSlow,
        }
    }
}
