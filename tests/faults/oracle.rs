//! What daemons promised, read from what they left on the disk when they were dead, and held against what the store has.
//! It reads the outbox with plain SQL: the code under test is not asked.

use crate::daemon::world::counted;
use crate::support::documents::rows;
use crate::support::peers::Mongod;
use rusqlite::Connection;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::Path;

/// Where successes are.
pub const RUNS: &[&str] = &["metrics_cloud_v2", "metrics_cloud_probe"];
/// Where failures are.
pub const ERRORS: &[&str] = &["errors_cloud"];

/// What was promised so far.
#[derive(Debug, Default)]
pub struct Oracle {
    /// Ids of rows that an outbox had accepted.
    pub accepted: BTreeSet<String>,
    /// Ids of calls that were under way when their process died.
    pub interrupted: BTreeSet<String>,
}

impl Oracle {
    /// Reads the outbox of a daemon that is dead, on a copy: the next start must find it as it was left.
    pub fn hear(&mut self, state: &Path) {
        let copy = tempfile::tempdir().unwrap();
        for name in ["outbox.db", "outbox.db-wal"] {
            // A daemon that was killed at once has none yet.
            let _ = std::fs::copy(state.join("outbox").join(name), copy.path().join(name));
        }
        let Ok(database) = Connection::open(copy.path().join("outbox.db")) else { return };
        let ids = |table: &str| -> Vec<String> {
            let Ok(mut asked) = database.prepare(&format!("SELECT id FROM {table}")) else {
                return Vec::new();
            };
            asked.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        self.accepted.extend(ids("items"));
        self.interrupted.extend(ids("intents"));
    }

    /// Every row that was accepted is in the store, every call that was cut short is told, no row is from nowhere, and a
    /// slot counts once.
    pub fn judge(&self, mongod: &Mongod, database: &str) -> Vec<Map<String, Value>> {
        let (runs, errors) = (rows(mongod, database, RUNS), rows(mongod, database, ERRORS));
        let ids: Vec<&str> = runs.iter().chain(&errors).map(|row| row["_id"].as_str().unwrap()).collect();
        let stored: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), stored.len(), "an id is in two collections");
        let lost: Vec<_> = self.accepted.iter().filter(|id| !stored.contains(id.as_str())).collect();
        assert!(lost.is_empty(), "accepted and not stored: {lost:?}");
        let untold: Vec<_> = self
            .interrupted
            .iter()
            .filter(|id| !stored.contains(format!("interrupted-{id}").as_str()))
            .collect();
        assert!(untold.is_empty(), "cut short and not told: {untold:?}");
        // A row whose slot was another's already is kept under its own id and its owner's.
        let own = |id: &str| id.split_once('#').map_or(id, |(id, _)| id).to_owned();
        let strange: Vec<_> = stored.iter().filter(|id| !self.accepted.contains(&own(id))).collect();
        assert!(strange.is_empty(), "stored and accepted by nobody: {strange:?}");
        let counted = counted(&runs);
        assert_eq!(counted.len(), counted.iter().collect::<BTreeSet<_>>().len(), "a slot counts twice");
        runs
    }
}
