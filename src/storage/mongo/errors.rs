//! What the driver's errors mean to whoever asked. Only a short list says that trying again cannot help; whatever is not
//! on it may have been written, or may be written next time. No text shows a user or password.
//!
//! Codes: https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml

use crate::storage::{MongoUri, StoreError};
use mongodb::error::{Error, ErrorKind, WriteFailure};

/// What can go wrong during a call.
#[derive(Debug, thiserror::Error)]
pub enum MongoCallError {
    /// The driver's or the server's own words.
    #[error(transparent)]
    Mongo(#[from] Error),
    /// Already said in the store's words.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The row is stored, and what follows from it could not be brought up to date.
    #[error("{what}: {source}")]
    Derived {
        /// Which collection.
        what: &'static str,
        /// Why.
        source: Error,
    },
}

/// `Unauthorized`, `AuthenticationFailed`, and what Atlas answers to a wrong password.
const DENIED: [i32; 3] = [13, 18, 8000];

/// `Overflow` (nested too deep), `DocumentValidationFailure`, `BSONObjectTooLarge`.
const REJECTED: [i32; 3] = [15, 121, 10334];

/// `OutOfDiskSpace`.
const DISK_FULL: i32 = 14031;

/// `DuplicateKey`.
const DUPLICATE: i32 = 11000;

/// `BadValue`: what a server says to a hint that names no index.
const NO_SUCH_INDEX: i32 = 2;

/// How much of a server's message is worth reading.
const LONGEST: usize = 600;

/// Whether a write found its unique key taken.
pub fn is_duplicate(error: &Error) -> bool {
    code_and_words(error).0.is_some_and(is_duplicate_code)
}

/// The same, by the server's number.
pub fn is_duplicate_code(code: i32) -> bool {
    code == DUPLICATE
}

/// Whether a question named an index that is not there.
pub fn lacks_index(error: &Error) -> bool {
    code(error) == Some(NO_SUCH_INDEX)
}

/// The server's own number for what went wrong.
pub fn code(error: &Error) -> Option<i32> {
    code_and_words(error).0
}

/// Says it in the store's words.
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

/// The server's code where it gave one, and the words without the driver's decoration.
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

/// Why no server could be chosen, without the driver's picture of the whole cluster.
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
