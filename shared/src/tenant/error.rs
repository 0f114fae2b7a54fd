//! Errors of a tenant's data.

use mongodb::error::{Error, TRANSIENT_TRANSACTION_ERROR};

use crate::mongo::{TransactionError, error_code, is_duplicate, log_error};
use crate::problem::{Code, Problem};

/// Server errors that say that a document has more than 16 MiB, or would after an update.
const TOO_LARGE: [i32; 3] = [10334, 17419, 17420];
/// Server errors after which the same statement may succeed: 503. All others are 500.
///
/// See <https://github.com/mongodb/mongo/blob/v6.0/src/mongo/base/error_codes.yml>.
const TEMPORARY: &[i32] = &[
    6,     // HostUnreachable
    7,     // HostNotFound
    24,    // LockTimeout
    43,    // CursorNotFound
    46,    // LockBusy
    50,    // MaxTimeMSExpired
    64,    // WriteConcernFailed
    89,    // NetworkTimeout
    91,    // ShutdownInProgress
    100,   // UnsatisfiableWriteConcern
    112,   // WriteConflict
    134,   // ReadConcernMajorityNotAvailableYet
    175,   // QueryPlanKilled
    189,   // PrimarySteppedDown
    202,   // NetworkInterfaceExceededTimeLimit
    237,   // CursorKilled
    246,   // SnapshotUnavailable
    251,   // NoSuchTransaction
    262,   // ExceededTimeLimit
    290,   // TransactionExceededLifetimeLimitSeconds
    9001,  // SocketException
    10107, // NotWritablePrimary
    11600, // InterruptedAtShutdown
    11601, // Interrupted
    11602, // InterruptedDueToReplStateChange
    13435, // NotPrimaryNoSecondaryOk
    13436, // NotPrimaryOrSecondary
];

/// Why a statement on a tenant's data failed. `?` turns it into a [`Problem`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TenantError {
    /// The statement was not sent: it could leave the tenant or the kind.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// MongoDB's limit is 16 MiB.
    #[error("the document has more than 16 MiB")]
    DocumentTooLarge,
    /// The statement was not sent: the transaction has been committed or aborted.
    #[error("the transaction has ended")]
    TransactionEnded,
    /// See [`TenantTransaction::audit`](super::TenantTransaction::audit).
    #[error(transparent)]
    Details(#[from] DetailsError),
    #[error("the document cannot be converted: {0}")]
    Conversion(#[from] mongodb::bson::error::Error),
    #[error(transparent)]
    Mongo(Error),
}

/// Why a statement on a tenant's data was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// JavaScript on the server.
    #[error("`{0}` is not permitted: it runs JavaScript")]
    JavaScript(String),
    /// A stage that is not among those that only read the tenant's own collection.
    #[error("the stage `{0}` is not permitted: it may read or write outside of the tenant's data")]
    Stage(String),
    /// A stage that has to be the first one of its pipeline.
    #[error("the stage `{0}` is permitted as the first stage of a pipeline only")]
    NotFirst(&'static str),
    #[error(
        "a pipeline must be an array of stages with one name each, and `$unionWith` have `coll` and `pipeline` alone"
    )]
    MalformedStage,
    /// `from` or `coll` of a stage.
    #[error("the stage `{0}` must name a kind of the tenant's documents")]
    NotAKind(&'static str),
    #[error("`_kind` cannot be written or compared: the handle sets it")]
    Kind,
    #[error("a document's field cannot begin with `$`")]
    DollarField,
    #[error("an update must consist of update operators")]
    NotAnUpdate,
    #[error("indexes cannot be created, listed or dropped in a transaction")]
    InTransaction,
    #[error("an `_id` cannot begin with `counter:`")]
    CounterId,
    #[error("an index cannot be {0}")]
    Index(&'static str),
}

/// Why details cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DetailsError {
    #[error("the details of an action must be a JSON object")]
    NotAnObject,
    #[error("the details of an action must have at most 4 KiB as JSON")]
    TooLarge,
    #[error("the detail `{0}` must be a string, as in the service's own actions")]
    NotAString(&'static str),
    #[error("the name of a detail cannot be empty, begin with `$`, or contain `.` or NUL")]
    Name,
}

impl TenantError {
    /// Whether the statement would have violated a unique index.
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Self::Mongo(error) if is_duplicate(error))
    }
}

impl From<Error> for TenantError {
    fn from(error: Error) -> Self {
        match error_code(&error) {
            Some(code) if TOO_LARGE.contains(&code) => Self::DocumentTooLarge,
            _ => Self::Mongo(error),
        }
    }
}

/// Refused statements are 400 and oversized documents 413, because both may come from the client's input. A duplicate that the handler does not expect is an internal
/// error, so check [`TenantError::is_duplicate`] first.
impl From<TenantError> for Problem {
    fn from(error: TenantError) -> Self {
        match error {
            TenantError::Refused(refused) => {
                tracing::warn!(reason = %refused, "a statement on a tenant's data was refused");
                Self::malformed(refused.in_response())
            }
            TenantError::DocumentTooLarge => Self::new(
                Code::PayloadTooLarge,
                "The document must have at most 16 MiB.",
            ),
            TenantError::TransactionEnded => {
                tracing::error!("a statement was sent after the end of its transaction");
                Self::internal()
            }
            TenantError::Details(error) => {
                tracing::error!(%error, "an action was not recorded");
                Self::internal()
            }
            TenantError::Conversion(error) => {
                tracing::error!(error = %error.kind, "a document cannot be converted");
                Self::internal()
            }
            TenantError::Mongo(error) if is_wrong_statement(&error) => {
                log_error(&error);
                Self::internal()
            }
            TenantError::Mongo(error) => error.into(),
        }
    }
}

/// Ends the transaction. After a conflict, it is retried.
impl<E: From<Problem>> From<TenantError> for TransactionError<E> {
    fn from(error: TenantError) -> Self {
        match error {
            TenantError::Mongo(error) if !is_wrong_statement(&error) => Self::Mongo(error),
            error => Self::Aborted(Problem::from(error).into()),
        }
    }
}

fn is_wrong_statement(error: &Error) -> bool {
    error_code(error).is_some_and(|code| !TEMPORARY.contains(&code))
        && !error.contains_label(TRANSIENT_TRANSACTION_ERROR)
}

impl Refused {
    /// Does not quote the request.
    fn in_response(&self) -> String {
        match self {
            Self::Stage(_) => "A stage of the aggregation is not permitted.".to_owned(),
            _ => format!("The query is not permitted: {self}."),
        }
    }
}
