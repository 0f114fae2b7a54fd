//! Classifies and logs errors of MongoDB, without the documents and keys in their messages.

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

/// Codes of permanent errors: an operator must change the database, its user, or the version of this service. After any
/// other error, a retry may succeed.
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

/// Number of suspicious errors so far, which require a check. Counted per process, because an error does not identify
/// its connection. Each connection stores the count of its last check.
static SUSPICIOUS_ERRORS: AtomicU64 = AtomicU64::new(0);

/// Number of suspicious errors so far: see [`is_suspicious`].
pub(crate) fn suspicious_errors() -> u64 {
    SUSPICIOUS_ERRORS.load(Ordering::Relaxed)
}

/// The only conversion from a MongoDB error to an HTTP response. Logs the error. The status is 500 if a retry cannot
/// succeed, else 503.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        log_error(&error);
        match is_permanent(&error) {
            true => Self::internal(),
            false => Self::unavailable(),
        }
    }
}

/// The unique index that a write, or a command that writes, violated. None for any other error.
pub fn duplicate_index(error: &Error) -> Option<&str> {
    let (code, message) = match error.kind.as_ref() {
        ErrorKind::Write(WriteFailure::WriteError(write)) => (write.code, &write.message),
        ErrorKind::Command(command) => (command.code, &command.message),
        _ => return None,
    };
    if code != DUPLICATE_KEY {
        return None;
    }
    // "E11000 duplicate key error collection: db.c index: <name> dup key: {…}". Input of the caller appears only after
    // the index.
    message.split(" index: ").nth(1)?.split(' ').next()
}

/// Whether a write, or a command that writes, failed with a duplicate key.
pub fn is_duplicate(error: &Error) -> bool {
    code(error) == Some(DUPLICATE_KEY)
}

/// Whether the write conflicts with another transaction.
pub fn is_write_conflict(error: &Error) -> bool {
    code(error) == Some(WRITE_CONFLICT)
}

/// Whether a collection could not be created because it already exists.
pub fn names_existing_collection(error: &Error) -> bool {
    code(error) == Some(NAMESPACE_EXISTS)
}

/// Whether the connection failed, not the command.
pub fn is_connection_failure(error: &Error) -> bool {
    matches!(
        error.kind.as_ref(),
        ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. }
    )
}

/// Whether MongoDB denied a command: the user was dropped, its password replaced, or a privilege is missing.
pub(crate) fn is_denied(error: &Error) -> bool {
    code(error).is_some_and(|code| DENIED.contains(&code))
}

/// Whether the connection may be the cause: its user was replaced, or its server is no longer the primary.
fn is_suspicious(error: &Error) -> bool {
    is_denied(error) || code(error).is_some_and(|code| NOT_PRIMARY.contains(&code))
}

/// Whether the error is permanent: retries fail until an operator changes something.
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

/// Logs the error. If the connection may be the cause, the next request checks it.
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
        tracing::error!(error = text, "a MongoDB operation failed");
    }
}

/// Kind and code of the error. Omits the messages of commands and writes, which can quote documents, and of invalid
/// arguments, which can quote a connection string.
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
        | ErrorKind::Authentication { message, .. } => without_responses(message),
        kind => code(error).map_or_else(
            || format!("driver error: {}", variant_name(kind)),
            |code| format!("failed: {code}"),
        ),
    }
}

/// The server's own message, which can quote documents: for an operator, never for a log or a response.
pub(crate) fn error_message(error: &Error) -> String {
    let message = match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(&command.message),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(&write.message),
        ErrorKind::InsertMany(failed) => {
            let errors = failed.write_errors.as_ref();
            errors.and_then(|errors| Some(&errors.first()?.message))
        }
        ErrorKind::Custom(reason) => reason.downcast_ref::<String>(),
        _ => None,
    };
    message.cloned().unwrap_or_else(|| describe(error))
}

/// Removes the server's responses, which the driver's messages about a connection pool or a topology quote in hexadecimal
/// digits.
fn without_responses(message: &str) -> String {
    let mut parts = message.split("RawDocumentBuf { data: \"");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.split_once('"').map_or("", |(_, rest)| rest));
    }
    text
}

/// The name of the variant, without its fields.
fn variant_name(kind: &ErrorKind) -> String {
    let debug = format!("{kind:?}");
    debug
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect()
}

/// MongoDB's error code. Of several failed writes, that of one of them.
pub(crate) fn code(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        ErrorKind::InsertMany(failed) => Some(failed.write_errors.as_ref()?.first()?.code),
        ErrorKind::BulkWrite(failed) => Some(failed.write_errors.values().next()?.code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_removed_from_messages() {
        let message = "cleared: server response: Some(RawDocumentBuf { data: \"0a1b\" }), and RawDocumentBuf { data: \"2c";
        let text = "cleared: server response: Some( }), and ";
        assert_eq!(without_responses(message), text);
        assert_eq!(without_responses("no primary"), "no primary");
    }
}
