//! Events for the bridge's operator, passed to a sink. No event contains a secret, and events that outsiders can cause
//! are limited to one per second.

use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Minimum time between two events that outsiders can cause.
const SELDOM: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalLevel {
    Info,
    /// An operator should look at it.
    Warn,
}

/// An event for the operator.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEntry {
    pub level: JournalLevel,
    /// Name of the event: `write`, `unauthorized`, `store`.
    pub what: &'static str,
    pub fields: Map<String, Value>,
}

/// Writes events. Must not block.
pub type JournalSink = Box<dyn Fn(JournalEntry) + Send + Sync>;

/// Passes events to a sink.
pub struct Journal {
    sink: JournalSink,
    told: Mutex<HashMap<&'static str, (Instant, u64)>>,
}

impl Journal {
    pub fn new(sink: JournalSink) -> Self {
        Self { sink, told: Mutex::default() }
    }

    /// Passes an event on at once.
    pub fn say(&self, level: JournalLevel, what: &'static str, fields: Value) {
        let Value::Object(fields) = fields else { return };
        (self.sink)(JournalEntry { level, what, fields });
    }

    /// Passes an event on, at most one per second and name; the next one contains the number of omitted ones.
    pub fn say_seldom(&self, level: JournalLevel, what: &'static str, fields: Value) {
        let unsaid = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            match told.get_mut(what) {
                Some((at, unsaid)) if at.elapsed() < SELDOM => {
                    *unsaid += 1;
                    return;
                }
                other => {
                    let unsaid = other.map_or(0, |(_, unsaid)| *unsaid);
                    told.insert(what, (Instant::now(), 0));
                    unsaid
                }
            }
        };
        let Value::Object(mut fields) = fields else { return };
        if unsaid > 0 {
            fields.insert("not_told".to_owned(), unsaid.into());
        }
        (self.sink)(JournalEntry { level, what, fields });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn a_flood_is_told_once() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let into = told.clone();
        let journal = Journal::new(Box::new(move |event| into.lock().unwrap().push(event)));
        for _ in 0..1000 {
            journal.say_seldom(JournalLevel::Warn, "unauthorized", json!({"peer": "a"}));
        }
        journal.say_seldom(JournalLevel::Warn, "store", json!({}));
        journal.say(JournalLevel::Info, "write", json!({}));
        let words: Vec<_> = told.lock().unwrap().iter().map(|event| event.what).collect();
        assert_eq!(words, ["unauthorized", "store", "write"]);
    }
}
