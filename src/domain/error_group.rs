//! Errors counted together, as stores answer and people read them. What share of all attempts they are is `output`'s.

use chrono::{DateTime, Utc};

/// Errors that have something in common. `None` where the rows have no such field, or were not grouped by it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ErrorGroup {
    /// `provider`.
    pub provider: Option<String>,
    /// `model_name`.
    pub model: Option<String>,
    /// `error_kind`, in whatever word it was stored.
    pub kind: Option<String>,
    /// What the message is about.
    pub cause: Option<String>,
    /// `stage`.
    pub stage: Option<String>,
    /// `fingerprint`.
    pub fingerprint: Option<String>,
    /// How many.
    pub count: u64,
    /// The oldest.
    pub first: Option<DateTime<Utc>>,
    /// The newest.
    pub last: Option<DateTime<Utc>>,
    /// The beginning of the newest one's message.
    pub message: Option<String>,
    /// The newest one's `model_name`, also where models are not told apart.
    pub newest_model: Option<String>,
}
