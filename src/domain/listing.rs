//! What providers list: a model with the facts that its provider states, one read of a list, and what stores keep of both.
//! Listing is not serving: nothing here says that a model answers.

use crate::domain::ModelRef;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a provider states about a model, as far as it does. Prices are US dollars per million tokens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelFacts {
    /// Tokens of prompt and answer together.
    pub context_length: Option<u64>,
    /// Tokens of answer.
    pub max_output_tokens: Option<u64>,
    /// Price of a million input tokens.
    pub input_price: Option<f64>,
    /// Price of a million output tokens.
    pub output_price: Option<f64>,
    /// The provider's own word for the stage of its life: `ACTIVE`, `LEGACY`, `deprecated`.
    pub lifecycle: Option<String>,
    /// The day on which it is announced to end, `2026-10-01`.
    pub ends_on: Option<String>,
}

/// One fact that was one thing and is another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactChange {
    /// When the other was first read.
    pub at: DateTime<Utc>,
    /// Its name in [`ModelFacts`].
    pub fact: String,
    /// What it was; null where the provider said nothing.
    pub from: Value,
    /// What it is.
    pub to: Value,
}

impl ModelFacts {
    /// Under their names.
    pub fn named(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
    }

    /// What differs in `after`, read at `at`.
    pub fn changes(&self, after: &ModelFacts, at: DateTime<Utc>) -> Vec<FactChange> {
        let (before, after) = (self.named(), after.named());
        let change = |(fact, to): (String, Value)| {
            let from = before.get(&fact).cloned().unwrap_or_default();
            (from != to).then(|| FactChange { at, fact, from, to })
        };
        after.into_iter().filter_map(change).collect()
    }
}

/// A model as its provider lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedModel {
    /// The id by which it is called.
    pub model_id: String,
    /// What the provider calls it; the id where it has no name.
    pub name: String,
    /// What it states.
    pub facts: ModelFacts,
    /// Its entry, verbatim unless it is beyond all measure.
    pub raw: Value,
}

/// How a read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadStatus {
    /// Every page was read.
    Completed,
    /// Some pages were read. What is missing says nothing.
    Partial,
    /// Nothing was read that could be used.
    Failed,
}

impl ReadStatus {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            ReadStatus::Completed => "completed",
            ReadStatus::Partial => "partial",
            ReadStatus::Failed => "failed",
        }
    }

    /// Whether a model that is missing is really missing.
    pub fn is_complete(self) -> bool {
        self == ReadStatus::Completed
    }
}

/// One read of one provider's list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// The provider's name.
    pub provider: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// How it ended.
    pub status: ReadStatus,
    /// Why it is not complete.
    pub error: Option<String>,
    /// Entries that came, of any kind.
    pub raw_count: u64,
    /// Those that can be models which write text, each id once.
    pub models: Vec<ListedModel>,
}

/// What a store keeps about a listed model: a document of `provider_catalog` without its raw entry.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogRow {
    /// The provider's name.
    pub provider: String,
    /// The id by which it is called.
    pub model_id: String,
    /// What the provider calls it.
    pub name: String,
    /// When it was first listed, where that is known.
    pub first_seen_at: Option<DateTime<Utc>>,
    /// When it was last listed, where that is known.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// What its provider stated last.
    pub facts: ModelFacts,
    /// What changed, oldest first.
    pub changes: Vec<FactChange>,
}

/// What a store keeps about a read: a document of `bench_discovery_runs`.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadRow {
    /// The provider's name.
    pub provider: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// `completed` and every page read.
    pub complete: bool,
    /// Why it is not complete.
    pub error: Option<String>,
}

/// What became of a read that was kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListingChangeCounts {
    /// Models that had never been listed.
    pub new: u64,
    /// Models of which a stated fact is another now.
    pub changed: u64,
}

/// A model of the catalogue of what is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasuredModel {
    /// Provider and model.
    pub model: ModelRef,
    /// What people read.
    pub display_name: String,
    /// It is measured: enabled and not deprecated.
    pub measured: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_differs_is_named_with_both_sides() {
        let before =
            ModelFacts { context_length: Some(8192), input_price: Some(0.5), ..ModelFacts::default() };
        let after = ModelFacts {
            context_length: Some(8192),
            ends_on: Some("2026-10-01".into()),
            ..ModelFacts::default()
        };
        let at = DateTime::UNIX_EPOCH;
        let change = |fact: &str, from, to| FactChange { at, fact: fact.to_owned(), from, to };
        let expected = [
            change("input_price", json!(0.5), Value::Null),
            change("ends_on", Value::Null, json!("2026-10-01")),
        ];
        assert_eq!(before.changes(&after, at), expected);
        assert_eq!(after.changes(&after, at), []);
    }
}
