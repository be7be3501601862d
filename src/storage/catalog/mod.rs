//! The catalogue as an operator works on it: entries as they are, the figures of their last day, and audited changes. What
//! a change means and who may make it is decided in `commands::models`; a store applies one order at a time, and only where
//! the entry still holds the values that were looked at.

pub mod enabled_fields;
pub mod entry_status;
pub(super) mod mongo;
pub(super) mod sqlite;

pub use crate::domain::Batch;
use crate::domain::ModelRef;
use crate::domain::change_batch::takes_away;
use crate::domain::generation_request::{EXTRA_FIELDS, OMIT_TEMPERATURE};
use crate::storage::StoreError;
use crate::storage::health::model_health;
use crate::storage::health::model_health::DEFAULT_CADENCE_SECONDS;
use crate::storage::outcomes::field_types::parse_date;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The `status` of a model that is in the catalogue and has not answered a real call yet.
pub const PROBING: &str = "probing";

/// Request quirks that Python runners obey wherever they stand: in `metadata`, or at the top of an entry.
pub const QUIRKS_AT_THE_TOP: [&str; 2] = [OMIT_TEMPERATURE, EXTRA_FIELDS];

/// One entry of the catalogue, with every field that its document has.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogEntry {
    /// Provider and model; where the document has other things than texts, those things written out.
    pub model: ModelRef,
    /// Whether provider and model are texts. Entries without them are shown and never changed.
    pub sound: bool,
    /// All fields, dates as RFC 3339.
    pub fields: Map<String, Value>,
}

impl CatalogEntry {
    /// An entry from its fields.
    pub fn new(fields: Map<String, Value>) -> Self {
        let part = |name: &str| match fields.get(name) {
            Some(Value::String(text)) => (text.clone(), !text.trim().is_empty()),
            None | Some(Value::Null) => (String::new(), false),
            Some(other) => (other.to_string(), false),
        };
        let ((provider, named), (model_id, identified)) = (part("provider"), part("model_id"));
        Self { model: ModelRef { provider, model_id }, sound: named && identified, fields }
    }

    /// Whether it is measured: `enabled` is true and `deprecated` is not.
    pub fn is_enabled(&self) -> bool {
        self.flag("enabled") && !self.flag("deprecated")
    }

    /// A field that is true; everything else, other types included, is not.
    pub fn flag(&self, name: &str) -> bool {
        self.fields.get(name) == Some(&Value::Bool(true))
    }

    /// A field as text: other types are written out, null and empty are nothing.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.fields.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
            other => Some(other.to_string()),
        }
    }

    /// A field that is an instant.
    pub fn instant(&self, name: &str) -> Option<DateTime<Utc>> {
        self.fields.get(name)?.as_str().and_then(parse_date)
    }

    /// The present values of these fields; null where there is none.
    pub fn values<'a>(&self, names: impl IntoIterator<Item = &'a String>) -> Map<String, Value> {
        let value = |name: &String| self.fields.get(name).cloned().unwrap_or(Value::Null);
        names.into_iter().map(|name| (name.clone(), value(name))).collect()
    }
}

/// What the rows of the published series say about a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// End of the newest success.
    pub last_success_at: Option<DateTime<Utc>>,
    /// The newest attempt, suspect ones included.
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// How often it is due, where the health row says so.
    pub cadence_seconds: Option<i64>,
    /// `error_kind` of the newest failure, if no success has followed it.
    pub last_error_kind: Option<String>,
    /// Its message.
    pub last_error_message: Option<String>,
    /// Successes of the last day.
    pub successes_24h: u64,
    /// Failures of the last day.
    pub failures_24h: u64,
    /// Median time to the first visible token of the last day, seconds.
    pub ttft_median: Option<f64>,
    /// Median tokens per second of the last day: visible ones where any of its runs has them.
    pub rate_median: Option<f64>,
}

impl Figures {
    /// Successes among all attempts of the last day; `None` where nothing was attempted.
    pub fn success_rate(&self) -> Option<f64> {
        let all = self.successes_24h + self.failures_24h;
        (all > 0).then(|| self.successes_24h as f64 / all as f64)
    }

    /// Whether every attempt of the last day failed, and there was one.
    pub fn only_fails(&self) -> bool {
        self.successes_24h == 0 && self.failures_24h > 0
    }

    /// Whether it was measured, and each of its samples was too doubtful to be published: `never_run` in the health row, which
    /// counts successes alone.
    pub fn only_suspect(&self) -> bool {
        let failed = self.last_error_kind.is_some() || self.failures_24h > 0;
        self.last_success_at.is_none() && self.last_attempt_at.is_some() && !failed
    }

    /// The freshness now. What a health row says was true when it was written.
    pub fn freshness(&self, enabled: bool, now: DateTime<Utc>) -> &'static str {
        let cadence = self.cadence_seconds.filter(|seconds| *seconds > 0).unwrap_or(DEFAULT_CADENCE_SECONDS);
        let staleness = self.last_success_at.map(|at| (now - at).num_seconds().max(0));
        model_health::freshness(enabled, staleness, cadence)
    }

    /// Takes over what a health row knows; odd types are nothing.
    pub fn read_health(&mut self, row: &Map<String, Value>) {
        let instant = |name: &str| row.get(name).and_then(Value::as_str).and_then(parse_date);
        let text = |name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
        self.last_success_at = self.last_success_at.max(instant("last_success_at"));
        self.last_attempt_at = instant("last_attempt_at");
        self.cadence_seconds = row.get("cadence_seconds").and_then(Value::as_i64);
        self.last_error_kind = text("last_error_kind");
        self.last_error_message = text("last_error_message");
    }

    /// Takes over the samples of the day.
    pub fn read_samples(&mut self, samples: &mut Samples) {
        self.successes_24h = samples.runs;
        self.last_success_at = self.last_success_at.max(samples.newest);
        self.ttft_median = median(&mut samples.ttft);
        let rates =
            if samples.visible_rate.is_empty() { &mut samples.rate } else { &mut samples.visible_rate };
        self.rate_median = median(rates);
    }
}

/// The runs of one model in the window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    /// How many.
    pub runs: u64,
    /// The newest end of one.
    pub newest: Option<DateTime<Utc>>,
    /// Times to the first visible token.
    pub ttft: Vec<f64>,
    /// Tokens per second.
    pub rate: Vec<f64>,
    /// Visible tokens per second.
    pub visible_rate: Vec<f64>,
}

/// The middle value; the mean of the two middle ones where their number is even.
fn median(values: &mut Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// Whose figures are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelScope {
    /// Everybody's.
    All,
    /// Those of a provider's models.
    Provider(String),
    /// Those of one model.
    Model(ModelRef),
}

/// What became of a planned change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeStatus {
    /// Written down before it was made; whether it was made cannot be told any more.
    Unknown,
    /// It was made.
    Done,
    /// It was not made.
    NotDone,
}

impl ChangeStatus {
    /// As stores and documents spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeStatus::Unknown => "unknown",
            ChangeStatus::Done => "done",
            ChangeStatus::NotDone => "not_done",
        }
    }

    /// From its spelling; whatever else is there is unknown.
    pub fn read(word: &str) -> Self {
        match word {
            "done" => ChangeStatus::Done,
            "not_done" => ChangeStatus::NotDone,
            _ => ChangeStatus::Unknown,
        }
    }
}

/// One model's part of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogChange {
    /// The batch.
    pub batch: String,
    /// The model.
    pub model: ModelRef,
    /// When.
    pub at: DateTime<Utc>,
    /// The values before, null where there was none; `None` where the model was not in the catalogue.
    pub before: Option<Map<String, Value>>,
    /// The values after.
    pub after: Map<String, Value>,
    /// What became of it.
    pub became: ChangeStatus,
}

/// A change that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeRequest {
    /// The batch that it belongs to.
    pub batch: String,
    /// The model.
    pub model: ModelRef,
    /// The values that somebody has seen and decided on; `None` where the model must not be there yet.
    pub expected: Option<Map<String, Value>>,
    /// Fields and their new values; null takes a field away, and with the provider's name the whole entry.
    pub set: Map<String, Value>,
}

impl ChangeRequest {
    /// Whether the whole entry goes.
    pub fn removes(&self) -> bool {
        takes_away(&self.set)
    }

    /// Whether nobody measures the model any more after it.
    pub fn stops(&self) -> bool {
        self.removes() || self.set.get("enabled") == Some(&Value::Bool(false))
    }

    /// Whether the entry still is what was looked at: of one that goes every field counts.
    pub fn fits(&self, present: Option<&CatalogEntry>) -> bool {
        match (present, &self.expected) {
            (None, None) => true,
            (Some(entry), Some(expected)) if self.removes() => entry.fields == *expected,
            (Some(entry), Some(expected)) => entry.values(expected.keys()) == *expected,
            _ => false,
        }
    }
}

/// What a store made of an order.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangeOutcome {
    /// It is done, durably, and so many queued jobs of the model were cancelled.
    Done {
        /// Jobs that were queued.
        cancelled_jobs: u64,
    },
    /// The entry is another one by now, and nothing was changed.
    Overtaken(Option<Box<CatalogEntry>>),
}

/// Why a model is not enabled beside one whose id differs in case alone: both would be measured.
pub(super) fn other_is_enabled(model: &ModelRef) -> StoreError {
    StoreError::Conflict(format!(
        "a model whose id differs from `{model}` in case alone is enabled already: disable that one first"
    ))
}

/// Which changes to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangesOf {
    /// All of a batch.
    Batch(String),
    /// The newest of a model, at most so many.
    Model(ModelRef, u32),
}

/// An enabled model of the catalogue, as a runner needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkItem {
    /// Provider and model.
    pub model: ModelRef,
    /// What people read; the raw id where the catalogue has no name.
    pub display_name: String,
    /// Request quirks, verbatim.
    pub metadata: Map<String, Value>,
}

/// The catalogue as an operator works on it.
#[async_trait]
pub trait CatalogStore: Send + Sync {
    /// All entries, of one provider or of all, sorted by provider and id.
    async fn entries(&self, provider: Option<&str>) -> Result<Vec<CatalogEntry>, StoreError>;

    /// What is known about the last day of the models in scope. A model of which nothing is known is left out.
    async fn figures(
        &self,
        scope: &ModelScope,
        now: DateTime<Utc>,
    ) -> Result<HashMap<ModelRef, Figures>, StoreError>;

    /// Writes down that a batch begins, before its first change.
    async fn begin_batch(&self, batch: &Batch) -> Result<(), StoreError>;

    /// Makes one change and writes it down with the values before: both or neither, or, where a crash comes between, so
    /// that [`CatalogStore::changes`] can tell.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where a model whose id differs in case alone is enabled already.
    async fn change(&self, order: &ChangeRequest) -> Result<ChangeOutcome, StoreError>;

    /// Writes down that a batch came to its end.
    async fn finish_batch(&self, id: &str, at: DateTime<Utc>) -> Result<(), StoreError>;

    /// The newest batches, at most so many.
    async fn batches(&self, limit: u32) -> Result<Vec<Batch>, StoreError>;

    /// One batch.
    async fn batch(&self, id: &str) -> Result<Option<Batch>, StoreError>;

    /// Changes: of a batch in the order in which they were made, of a model newest first.
    async fn changes(&self, of: &ChangesOf) -> Result<Vec<CatalogChange>, StoreError>;

    /// Finds catalogue models by bare id, enabled or not.
    async fn find_by_id(&self, model_id: &str) -> Result<Vec<ModelRef>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(value: Value) -> CatalogEntry {
        let Value::Object(fields) = value else { panic!() };
        CatalogEntry::new(fields)
    }

    #[test]
    fn odd_entries_are_shown_and_never_taken_for_sound() {
        let odd = entry(json!({"provider": 7, "enabled": "yes", "display_name": ["x"]}));
        assert_eq!((odd.model.provider.as_str(), odd.sound, odd.is_enabled()), ("7", false, false));
        assert_eq!(odd.text("display_name").as_deref(), Some("[\"x\"]"));
        let deprecated =
            entry(json!({"provider": "a", "model_id": "b", "enabled": true, "deprecated": true}));
        assert!(deprecated.sound && !deprecated.is_enabled());
        assert_eq!(deprecated.values(&["enabled".to_owned(), "no".to_owned()])["no"], Value::Null);
    }

    #[test]
    fn medians_prefer_visible_rates_and_pass_over_what_is_no_number() {
        let mut samples = Samples {
            runs: 3,
            ttft: vec![0.3, f64::NAN, 0.1],
            rate: vec![10.0, 20.0, 90.0],
            ..Samples::default()
        };
        let mut figures = Figures::default();
        figures.read_samples(&mut samples);
        assert_eq!((figures.ttft_median, figures.rate_median), (Some(0.2), Some(20.0)));
        samples.visible_rate = vec![5.0];
        figures.read_samples(&mut samples);
        assert_eq!(figures.rate_median, Some(5.0));
        assert_eq!(figures.success_rate(), Some(1.0));
    }

    #[test]
    fn freshness_is_of_now() {
        let now = Utc::now();
        let mut figures = Figures { cadence_seconds: Some(60), ..Figures::default() };
        assert_eq!((figures.freshness(true, now), figures.only_suspect()), ("never_run", false));
        figures.last_attempt_at = Some(now);
        assert!(figures.only_suspect() && !Figures { failures_24h: 1, ..figures.clone() }.only_suspect());
        figures.last_success_at = Some(now - chrono::TimeDelta::seconds(100));
        assert_eq!(figures.freshness(true, now), "stale");
        assert_eq!(figures.freshness(false, now), "disabled");
    }
}
