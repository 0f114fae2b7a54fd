//! What an error of MongoDB says, without what it must not say: the documents and keys in its message.

use std::sync::atomic::{AtomicU64, Ordering};

use mongodb::error::{Error, ErrorKind, WriteFailure};

use crate::problem::Problem;

const DUPLICATE_KEY: i32 = 11000;
const NAMESPACE_EXISTS: i32 = 48;
const WRITE_CONFLICT: i32 = 112;
const DATABASE_DIFFERS_IN_CASE: i32 = 13297;
/// `Unauthorized`, `AuthenticationFailed`, and the code under which Atlas reports both.
const DENIED: [i32; 3] = [13, 18, 8000];
/// `NotWritablePrimary` and `NotPrimaryNoSecondaryOk`.
const NOT_PRIMARY: [i32; 2] = [10107, 13435];

/// Codes of errors that stay until an operator changes something: the database, its user, or the version of this
/// service. Any other error may be over when the request is sent again.
///
/// See <https://github.com/mongodb/mongo/blob/v6.0/src/mongo/base/error_codes.yml>.
const PERMANENT: &[i32] = &[
    13,    // Unauthorized
    18,    // AuthenticationFailed
    20,    // IllegalOperation
    59,    // CommandNotFound
    67,    // CannotCreateIndex
    72,    // InvalidOptions
    73,    // InvalidNamespace
    85,    // IndexOptionsConflict
    86,    // IndexKeySpecsConflict
    115,   // CommandNotSupported
    121,   // DocumentValidationFailure
    123,   // NotAReplicaSet
    166,   // CommandNotSupportedOnView
    263,   // OperationNotSupportedInTransaction
    291,   // NoQueryExecutionPlans
    8000,  // AtlasError
    13297, // DatabaseDifferCase
    14031, // OutOfDiskSpace
];

/// Errors after which a connection is to be checked. A count for the whole process, because an error does not say which
/// connection it came from; each connection remembers the count at its last check.
static SUSPICIOUS_ERRORS: AtomicU64 = AtomicU64::new(0);

/// How many errors so far made connections doubtful: see [`is_suspicious`].
pub(crate) fn suspicious_errors() -> u64 {
    SUSPICIOUS_ERRORS.load(Ordering::Relaxed)
}

/// The one way from an error of MongoDB to an HTTP answer. The error goes to the log. The answer is a 500 if sending the
/// request again cannot help, else a 503.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        log_error(&error);
        match is_permanent(&error) {
            true => Self::internal(),
            false => Self::unavailable(),
        }
    }
}

/// The name of the unique index that refused a write, if that is what happened.
pub fn duplicate_index(error: &Error) -> Option<&str> {
    let ErrorKind::Write(WriteFailure::WriteError(write)) = error.kind.as_ref() else {
        return None;
    };
    if write.code != DUPLICATE_KEY {
        return None;
    }
    // "E11000 duplicate key error collection: db.c index: <name> dup key: {…}". The caller's text comes
    // only after the index.
    write.message.split(" index: ").nth(1)?.split(' ').next()
}

/// Whether a write, or a command that writes, met a key that is there already.
pub fn is_duplicate(error: &Error) -> bool {
    code(error) == Some(DUPLICATE_KEY)
}

/// Whether another transaction holds what this one wanted to write.
pub fn is_write_conflict(error: &Error) -> bool {
    code(error) == Some(WRITE_CONFLICT)
}

/// Whether a collection could not be created because there is one of that name.
pub fn names_existing_collection(error: &Error) -> bool {
    code(error) == Some(NAMESPACE_EXISTS)
}

/// Whether the connection failed, and not what it was to carry.
pub fn is_connection_failure(error: &Error) -> bool {
    matches!(
        error.kind.as_ref(),
        ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. }
    )
}

/// Whether MongoDB denied a command: the user was dropped, its password replaced, or a right is missing.
pub(crate) fn is_denied(error: &Error) -> bool {
    code(error).is_some_and(|code| DENIED.contains(&code))
}

/// Whether the connection may be the reason: its user was replaced, or it leads to a server that is no primary any more.
fn is_suspicious(error: &Error) -> bool {
    is_denied(error) || code(error).is_some_and(|code| NOT_PRIMARY.contains(&code))
}

/// Whether the same request fails until somebody changes something: sending it again does not help.
pub(crate) fn is_permanent(error: &Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Authentication { .. }
        | ErrorKind::Bson(_)
        | ErrorKind::BsonDeserialization(_)
        | ErrorKind::IncompatibleServer { .. }
        | ErrorKind::InvalidArgument { .. }
        | ErrorKind::InvalidTlsConfig { .. }
        | ErrorKind::SessionsNotSupported => true,
        _ => code(error).is_some_and(|code| PERMANENT.contains(&code)),
    }
}

/// Writes the error to the log. If the connection may be the reason, the next request checks it.
pub fn log_error(error: &Error) {
    let text = describe(error);
    if is_suspicious(error) {
        SUSPICIOUS_ERRORS.fetch_add(1, Ordering::Relaxed);
    }
    if is_denied(error) {
        tracing::error!(
            error = text,
            "MongoDB denied a command: the database user of the connection string does not exist any more, or lacks \
             a right. It needs readWrite on MASTER_DB and TENANT_DB"
        );
    } else if code(error) == Some(DATABASE_DIFFERS_IN_CASE) {
        tracing::error!(
            error = text,
            "MongoDB has a database whose name differs from MASTER_DB or TENANT_DB in letter case alone: change the \
             setting to the existing name, or choose another"
        );
    } else {
        tracing::error!(error = text, "MongoDB failed");
    }
}

/// Kind and code. The messages of commands and writes are left out: they can quote documents; and those of a bad
/// argument: they can quote a connection string.
pub(crate) fn describe(error: &Error) -> String {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => {
            format!("command failed: {} {}", command.code, command.code_name)
        }
        ErrorKind::Write(WriteFailure::WriteError(write)) => {
            format!("write failed: {}", write.code)
        }
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => {
            format!(
                "write concern failed: {} {}",
                concern.code, concern.code_name
            )
        }
        ErrorKind::Io(io) => format!("connection failed: {io}"),
        ErrorKind::ServerSelection { message, .. }
        | ErrorKind::ConnectionPoolCleared { message, .. }
        | ErrorKind::DnsResolve { message, .. }
        | ErrorKind::Authentication { message, .. } => message.clone(),
        kind => code(error).map_or_else(
            || format!("driver error: {}", variant_name(kind)),
            |code| format!("failed: {code}"),
        ),
    }
}

/// The variant's own name, without what it carries.
fn variant_name(kind: &ErrorKind) -> String {
    let debug = format!("{kind:?}");
    debug
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect()
}

fn code(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        _ => None,
    }
}
