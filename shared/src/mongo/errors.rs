//! What an error of MongoDB says, without what it must not say: the documents and keys in its message.

use mongodb::error::{Error, ErrorKind, WriteFailure};

const DUPLICATE_KEY: i32 = 11000;
const NAMESPACE_EXISTS: i32 = 48;
const WRITE_CONFLICT: i32 = 112;

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

/// Whether a document is not what its collection should hold.
pub fn is_unreadable(error: &Error) -> bool {
    matches!(
        error.kind.as_ref(),
        ErrorKind::Bson(_) | ErrorKind::BsonDeserialization(_)
    )
}

pub fn log_error(error: &Error) {
    tracing::error!(error = describe(error), "MongoDB failed");
}

/// Kind and code. The messages of commands and writes are left out: they can quote documents; and those of a bad
/// argument: they can quote a connection string.
pub(super) fn describe(error: &Error) -> String {
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
