//! A batch of changes of the catalogue: who changed models together, when and why. The changes themselves, with the values
//! before and after, are `storage::catalog`'s.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// A set of changes that were made together, for one reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Its id, sorted by time.
    pub id: String,
    /// When it began.
    pub at: DateTime<Utc>,
    /// `user@host`.
    pub who: String,
    /// `add`, `disable`, `enable`, `remove`, `set`, `undo`.
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

/// The values after a change that takes a whole entry away: every field of it is taken away, its name with them.
pub fn taken_away(entry: &Map<String, Value>) -> Map<String, Value> {
    entry.keys().map(|name| (name.clone(), Value::Null)).collect()
}

/// Whether these values after a change say that the whole entry was taken away.
pub fn takes_away(after: &Map<String, Value>) -> bool {
    after.get("provider") == Some(&Value::Null)
}
