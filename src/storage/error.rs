//! Errors of a store, in the same words for SQLite, MongoDB and the bridge.

/// The reason why a store could not do a call.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or did not answer in time: the write may or may not have happened. Worth trying again.
    #[error("{0}")]
    Unavailable(String),
    /// It refuses the login or the permission.
    #[error("{0}")]
    Denied(String),
    /// The same id is stored with other content. Trying again cannot help.
    #[error("{0}")]
    Conflict(String),
    /// The row itself cannot be stored. Trying again cannot help.
    #[error("{0}")]
    Rejected(String),
    /// The store exists but cannot work: wrong version, missing directory, full disk, damaged file.
    #[error("{0}")]
    Broken(String),
}

impl StoreError {
    /// True if the row is at fault and the store works: trying again cannot help, but other rows may be accepted.
    pub fn is_about_the_row(&self) -> bool {
        matches!(self, StoreError::Conflict(_) | StoreError::Rejected(_))
    }
}
