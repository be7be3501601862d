//! The number of models in each state of the lifecycle: lines for people, one document for programs.

use super::units;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// One line for each state that has models.
pub fn lifecycle_lines(states: &[(&str, u64)]) -> String {
    states.iter().map(|(state, count)| format!("{state}: {}\n", units::counted(*count, "model"))).collect()
}

/// `{schema, as_of, models: {state: count}}`.
pub fn lifecycle_json(states: &[(&str, u64)], as_of: DateTime<Utc>) -> String {
    let models: Map<String, Value> =
        states.iter().map(|(state, count)| ((*state).to_owned(), json!(count))).collect();
    let document =
        json!({ "schema": "llmbench.db.refresh/1", "as_of": super::json::time(as_of), "models": models });
    format!("{document:#}\n")
}
