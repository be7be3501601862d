//! Groups of errors as stores return them. Their share of all attempts is computed in `output`.

use chrono::{DateTime, Utc};

/// Errors that have fields in common. A field is `None` if the rows lack it or were not grouped by it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ErrorGroup {
    pub provider: Option<String>,
    /// The value of `model_name`.
    pub model: Option<String>,
    /// The stored `error_kind`, in any word.
    pub kind: Option<String>,
    /// The subject of the message, a word of [`crate::domain::error_cause`].
    pub cause: Option<String>,
    pub stage: Option<String>,
    pub fingerprint: Option<String>,
    pub count: u64,
    pub first: Option<DateTime<Utc>>,
    pub last: Option<DateTime<Utc>>,
    /// The beginning of the newest error's message.
    pub message: Option<String>,
    /// The newest error's `model_name`, even if errors are not grouped by model.
    pub newest_model: Option<String>,
}
