//! Translates the driver's errors into store errors. Only a short list says that trying again cannot help; an error
//! that is not on it may have been written, or may be written next time. No text shows a user or password.
//!
//! Codes: <https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml>

use crate::storage::{MongoUri, StoreError};
use mongodb::error::{Error, ErrorKind, WriteFailure};

/// An error during a call.
#[derive(Debug, thiserror::Error)]
pub enum MongoCallError {
    /// The driver's or the server's own error.
    #[error(transparent)]
    Mongo(#[from] Error),
    /// An error that is already a store error.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The row is stored, but its aggregates could not be updated.
    #[error("{what}: {source}")]
    Derived {
        /// The collection that was not updated.
        what: &'static str,
        source: Error,
    },
}

/// Codes of `Unauthorized`, `AuthenticationFailed`, and Atlas's answer to a wrong password.
const DENIED: [i32; 3] = [13, 18, 8000];

/// Codes of `Overflow` (nested too deep), `DocumentValidationFailure`, `BSONObjectTooLarge`.
const REJECTED: [i32; 3] = [15, 121, 10334];

/// The code of `OutOfDiskSpace`.
const DISK_FULL: i32 = 14031;

/// The code of `DuplicateKey`.
const DUPLICATE: i32 = 11000;

/// The code of `BadValue`: the server's answer to a hint that names no index.
const NO_SUCH_INDEX: i32 = 2;

/// Most characters of a server's message that are shown.
const LONGEST: usize = 600;

/// True if a write found its unique key taken.
pub fn is_duplicate(error: &Error) -> bool {
    code_and_words(error).0.is_some_and(is_duplicate_code)
}

/// The same, by the server's number.
pub fn is_duplicate_code(code: i32) -> bool {
    code == DUPLICATE
}

/// True if a query named an index that does not exist.
pub fn lacks_index(error: &Error) -> bool {
    code(error) == Some(NO_SUCH_INDEX)
}

/// The server's own error code.
pub fn code(error: &Error) -> Option<i32> {
    code_and_words(error).0
}

/// Converts to a store error.
pub fn explain(call_error: MongoCallError, uri: &MongoUri) -> StoreError {
    match call_error {
        MongoCallError::Store(error) => error,
        MongoCallError::Mongo(error) => said(&error, uri, ""),
        MongoCallError::Derived { what, source } => {
            said(&source, uri, &format!("the row is stored, but {what} could not be brought up to date: "))
        }
    }
}

fn said(error: &Error, uri: &MongoUri, before: &str) -> StoreError {
    let (code, words) = code_and_words(error);
    let words: String = uri.redact(&words).chars().take(LONGEST).collect();
    let say = |what: &str| format!("{before}{uri} {what}: {words}");
    match (code, error.kind.as_ref()) {
        (_, ErrorKind::Authentication { .. }) => StoreError::Denied(say("refuses the login")),
        (Some(code), _) if DENIED.contains(&code) => {
            StoreError::Denied(say("refuses the login or the permission"))
        }
        (Some(code), _) if REJECTED.contains(&code) => StoreError::Rejected(say("cannot hold the row")),
        (Some(DUPLICATE), _) => StoreError::Conflict(say("has a unique index against it")),
        (Some(DISK_FULL), _) => StoreError::Broken(say("has a full disk")),
        _ if words.contains("No space left on device") => StoreError::Broken(say("has a full disk")),
        (_, ErrorKind::Bson(_)) => StoreError::Rejected(say("cannot be sent the row")),
        (_, ErrorKind::InvalidArgument { message, .. }) if message.contains("size") => {
            StoreError::Rejected(say("cannot be sent the row"))
        }
        (_, ErrorKind::InvalidArgument { .. }) => StoreError::Broken(say("cannot be asked")),
        (_, ErrorKind::InvalidTlsConfig { .. }) => {
            StoreError::Broken(say("has a TLS configuration that cannot work"))
        }
        (_, ErrorKind::IncompatibleServer { .. }) => StoreError::Broken(say("is a version that cannot work")),
        _ => StoreError::Unavailable(say("cannot be reached, or did not answer as it should")),
    }
}

/// The server's code if it gave one, and the message without the driver's decoration.
fn code_and_words(error: &Error) -> (Option<i32>, String) {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => (Some(command.code), command.message.clone()),
        ErrorKind::Write(WriteFailure::WriteError(write)) => (Some(write.code), write.message.clone()),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => {
            (Some(concern.code), format!("not confirmed by a majority: {}", concern.message))
        }
        ErrorKind::ServerSelection { message, .. } => (None, without_topology(message)),
        other => (None, other.to_string()),
    }
}

/// The reason why no server could be chosen, without the driver's dump of the whole cluster.
fn without_topology(message: &str) -> String {
    let mut reasons: Vec<&str> = message.split("Error: Kind: ").skip(1).collect();
    for reason in &mut reasons {
        *reason = reason.split(", labels:").next().unwrap_or(reason);
    }
    reasons.dedup();
    if reasons.is_empty() { message.to_owned() } else { reasons.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::StoreLocation;

    fn uri() -> MongoUri {
        let Ok(StoreLocation::Mongo(uri)) = StoreLocation::parse("mongodb://ann:s3cret@h:1/db") else {
            panic!()
        };
        uri
    }

    #[test]
    fn the_reason_is_told_without_the_topology() {
        let message = "Server selection timeout: No available servers. Topology: { Type: Unknown, Servers: [ { Address: \
            h:1, Type: Unknown, Error: Kind: I/O error: refused, labels: {\"RetryableError\"}, source: None } ] }";
        assert_eq!(without_topology(message), "I/O error: refused");
        assert_eq!(without_topology("no primary"), "no primary");
    }

    #[test]
    fn what_nobody_knows_is_worth_trying_again() {
        let error = Error::from(std::io::Error::other("reset, ann:s3cret"));
        let StoreError::Unavailable(text) = explain(error.into(), &uri()) else { panic!() };
        assert!(text.contains("mongodb://h:1") && !text.contains("s3cret"), "{text}");
    }
}
