//! A batch of changes of the catalogue: who changed models together, when and why. The changes themselves, with the values
//! before and after, are `storage::catalogue`'s.

use chrono::{DateTime, Utc};

/// A set of changes that were made together, for one reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Its id, sorted by time.
    pub id: String,
    /// When it began.
    pub at: DateTime<Utc>,
    /// `user@host`.
    pub who: String,
    /// `add`, `disable`, `enable`, `undo`.
    pub action: String,
    /// The reason that was given.
    pub why: Option<String>,
    /// How many models it was going to change.
    pub planned: u64,
    /// The batch that it undoes.
    pub undoes: Option<String>,
    /// The batch that undoes it.
    pub undone_by: Option<String>,
    /// When it came to its end; `None` where it was interrupted, or still runs.
    pub finished_at: Option<DateTime<Utc>>,
}
