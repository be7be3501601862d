//! Translates SQLite's result codes into store errors. Codes: <https://sqlite.org/rescode.html>

use crate::storage::StoreError;
use rusqlite::ErrorCode;
use std::path::Path;

/// An error on the thread that owns the connection.
#[derive(Debug, thiserror::Error)]
pub enum SqliteCallError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// An error that is already a store error.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A write beyond a quota fails with this I/O error of writing (`SQLITE_IOERR_WRITE`), not as a full disk.
const IOERR_WRITE: i32 = 778;

/// Converts to a store error.
pub fn explain(call_error: SqliteCallError, path: &Path) -> StoreError {
    let error = match call_error {
        SqliteCallError::Store(error) => return error,
        SqliteCallError::Sqlite(error) => error,
    };
    let shown = path.display();
    let code = error.sqlite_error().map(|error| (error.code, error.extended_code));
    match code {
        Some((ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _)) => {
            StoreError::Unavailable(format!("the database {shown} is locked by another process: try again"))
        }
        Some((ErrorCode::TooBig, _)) => StoreError::Rejected(format!("the row is too big for {shown}")),
        Some((ErrorCode::ConstraintViolation, _)) => StoreError::Conflict(format!("{shown}: {error}")),
        Some((code, extended)) => StoreError::Broken(broken(&shown.to_string(), code, extended, &error)),
        None => StoreError::Broken(format!("the database {shown} cannot be used: {error}")),
    }
}

fn broken(shown: &str, code: ErrorCode, extended: i32, error: &rusqlite::Error) -> String {
    match code {
        ErrorCode::DiskFull => format!("no room for {shown}: the disk is full"),
        _ if extended == IOERR_WRITE => {
            format!("{shown} cannot be written: the disk or its quota is full, or it fails ({error})")
        }
        ErrorCode::NotADatabase => format!("{shown} is not an SQLite database: name another file"),
        ErrorCode::DatabaseCorrupt => {
            format!("the database {shown} is damaged ({error}): keep the file, and name another one")
        }
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
            format!("{shown} cannot be written: the file or its directory is read-only for this user")
        }
        ErrorCode::CannotOpen => {
            format!(
                "{shown} cannot be opened: it or its directory is read-only for this user, or it is no file"
            )
        }
        _ => format!("the database {shown} cannot be used: {error}"),
    }
}
