//! Large stores to ask questions of, made by the databases themselves out of one row: months of runs and errors of thousands
//! of models, evenly spread. They are gone with their value.

pub mod mongo;
pub mod sqlite;

use serde_json::{Map, Value};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many rows.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Published runs.
    pub runs: u64,
    /// Errors.
    pub errors: u64,
    /// Models, nine of ten enabled, of ten providers.
    pub models: u64,
}

/// The size of the issue, under `--full`; some minutes and 3 GB.
const FULL: Size = Size { runs: 2_000_000, errors: 500_000, models: 5_000 };
/// A tenth of it in every way.
const TENTH: Size = Size { runs: 200_000, errors: 50_000, models: 500 };

impl Size {
    /// The size that the command line asks for.
    pub fn asked() -> Self {
        if crate::is_full() { FULL } else { TENTH }
    }

    /// In words.
    pub fn spoken(self) -> String {
        format!("{} runs, {} errors, {} models, 10 providers, 90 days", self.runs, self.errors, self.models)
    }
}

/// The days that the rows cover, in milliseconds.
const SPAN: u64 = 90 * 86_400_000;
const DAY: u64 = 86_400_000;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// A stored row of the tests, without what differs between rows.
fn template(text: &str, but: &[&str]) -> Map<String, Value> {
    let mut row: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    row.retain(|name, _| !but.contains(&name.as_str()) && !name.contains(['.', '$']) && !name.is_empty());
    row
}

/// A published run of no model and no time.
pub fn run() -> Map<String, Value> {
    let own = ["_id", "provider", "model_name", "run_ts", "gen_ts", "from_another_writer"];
    let mut row = template(include_str!("../../../tests/data/run.json"), &own);
    let gaps = (0..63).map(|token| 0.02 + f64::from(token) * 1e-5);
    row.insert("times_between_tokens".to_owned(), gaps.collect());
    row
}

/// A failure of no model, time and kind.
pub fn error() -> Map<String, Value> {
    let own = ["_id", "provider", "model_name", "ts", "run_ts", "message", "fingerprint", "error_kind"];
    template(include_str!("../../../tests/data/failure.json"), &own)
}
