//! A batch of catalog changes: the models changed together, by whom, when and why. The changes themselves, with the
//! values before and after, are in `storage::catalog`.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// A set of changes that were made together, for one reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The batch's id; ids sort by time.
    pub id: String,
    pub at: DateTime<Utc>,
    /// The author as `user@host`.
    pub who: String,
    /// One of `add`, `disable`, `enable`, `remove`, `set`, `undo`.
    pub action: String,
    /// The reason that the user gave.
    pub why: Option<String>,
    /// The number of models that the batch was to change.
    pub planned: u64,
    /// The id of the batch that this one undoes.
    pub undoes: Option<String>,
    /// The id of the batch that undoes this one.
    pub undone_by: Option<String>,
    /// The time the batch finished; `None` if it was interrupted or still runs.
    pub finished_at: Option<DateTime<Utc>>,
}

/// The values after a change that removes a whole entry: every field of it is removed, its name included.
pub fn taken_away(entry: &Map<String, Value>) -> Map<String, Value> {
    entry.keys().map(|name| (name.clone(), Value::Null)).collect()
}

/// True if these values after a change say that the whole entry was removed.
pub fn takes_away(after: &Map<String, Value>) -> bool {
    after.get("provider") == Some(&Value::Null)
}
