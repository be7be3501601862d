//! Prepares the database file before SQLite opens it: its absolute path, and access for this user alone.

use crate::storage::StoreError;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Creates the file if it is missing, for the user alone, and returns its absolute path. SQLite gives the files that it
/// creates beside it (`-wal`, `-shm`) the same mode.
///
/// # Errors
/// [`StoreError::Broken`] with the reason.
pub fn prepare(path: &Path) -> Result<PathBuf, StoreError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = parent.canonicalize().map_err(|error| no_directory(parent, &error))?;
    let name = path.file_name().ok_or_else(|| broken(path, "it names no file"))?;
    let path = directory.join(name);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&path) {
        Ok(_) => Ok(path),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(path),
        Err(error) => Err(no_file(&path, &error)),
    }
}

/// The absolute path of an existing file.
///
/// # Errors
/// [`StoreError::Broken`] if there is none.
pub fn existing(path: &Path) -> Result<PathBuf, StoreError> {
    path.canonicalize().map_err(|error| {
        StoreError::Broken(format!("the database {} cannot be opened: {error}", path.display()))
    })
}

fn no_directory(parent: &Path, error: &std::io::Error) -> StoreError {
    let shown = parent.display();
    StoreError::Broken(match error.kind() {
        ErrorKind::NotFound => {
            format!("the directory {shown} does not exist: create it, or name another file")
        }
        _ => format!("the directory {shown} cannot be used: {error}"),
    })
}

fn no_file(path: &Path, error: &std::io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            broken(path, "its directory is read-only for this user")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => broken(path, "the disk is full"),
        _ => broken(path, &error.to_string()),
    }
}

fn broken(path: &Path, why: &str) -> StoreError {
    StoreError::Broken(format!("the database {} cannot be created: {why}", path.display()))
}
