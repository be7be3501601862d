//! The catalog as an operator edits it: entries as they are, the figures of their last day, and audited changes.
//! `commands::models` decides the meaning of a change and who may make it; a store applies one change at a time, and
//! only if the entry still holds the values that were expected.

pub mod enabled_fields;
pub mod endpoint_lanes;
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
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use endpoint_lanes::{PinnedEndpoint, pinned_endpoints};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The `status` of a model that is in the catalog and has not answered a real call yet.
pub const PROBING: &str = "probing";

/// Request quirks that Python runners obey both in `metadata` and at the top of an entry.
pub const QUIRKS_AT_THE_TOP: [&str; 2] = [OMIT_TEMPERATURE, EXTRA_FIELDS];

/// One entry of the catalog, with every field that its document has.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogEntry {
    /// Provider and model; values of other types are written out as text.
    pub model: ModelRef,
    /// True if provider and model are texts. Other entries are shown and never changed.
    pub sound: bool,
    /// All fields, dates as RFC 3339.
    pub fields: Map<String, Value>,
}

impl CatalogEntry {
    pub fn new(fields: Map<String, Value>) -> Self {
        let part = |name: &str| match fields.get(name) {
            Some(Value::String(text)) => (text.clone(), !text.trim().is_empty()),
            None | Some(Value::Null) => (String::new(), false),
            Some(other) => (other.to_string(), false),
        };
        let ((provider, named), (model_id, identified)) = (part("provider"), part("model_id"));
        Self { model: ModelRef { provider, model_id }, sound: named && identified, fields }
    }

    /// True if the model is measured: `enabled` is true and `deprecated` is not.
    pub fn is_enabled(&self) -> bool {
        self.flag("enabled") && !self.flag("deprecated")
    }

    /// True if the field is the boolean true; false for everything else, other types included.
    pub fn flag(&self, name: &str) -> bool {
        self.fields.get(name) == Some(&Value::Bool(true))
    }

    /// A field as text: other types are written out, null and empty give `None`.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.fields.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
            other => Some(other.to_string()),
        }
    }

    /// The metadata, if it is an object.
    pub fn metadata(&self) -> Option<Map<String, Value>> {
        self.fields.get("metadata").and_then(Value::as_object).cloned()
    }

    /// The endpoints to which measurements are pinned.
    pub fn pinned_endpoints(&self) -> Vec<PinnedEndpoint> {
        self.metadata().as_ref().map(pinned_endpoints).unwrap_or_default()
    }

    /// A field that is an instant.
    pub fn instant(&self, name: &str) -> Option<DateTime<Utc>> {
        self.fields.get(name)?.as_str().and_then(parse_date)
    }

    /// A field that is an instant or a day, which begins at midnight UTC.
    pub fn day(&self, name: &str) -> Option<DateTime<Utc>> {
        let text = self.fields.get(name)?.as_str()?.trim();
        let day = || text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN).and_utc());
        parse_date(text).or_else(day)
    }

    /// The present values of these fields; null for missing ones.
    pub fn values<'a>(&self, names: impl IntoIterator<Item = &'a String>) -> Map<String, Value> {
        let value = |name: &String| self.fields.get(name).cloned().unwrap_or(Value::Null);
        names.into_iter().map(|name| (name.clone(), value(name))).collect()
    }
}

/// Figures of a model from the rows of the published series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// End of the newest success.
    pub last_success_at: Option<DateTime<Utc>>,
    /// The newest attempt, suspect ones included.
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// The cadence in seconds, if the health row states one.
    pub cadence_seconds: Option<i64>,
    /// `error_kind` of the newest failure, if no success has followed it.
    pub last_error_kind: Option<String>,
    /// The message of that failure.
    pub last_error_message: Option<String>,
    /// Successes of the last day.
    pub successes_24h: u64,
    /// Failures of the last day.
    pub failures_24h: u64,
    /// Time to the first visible token of the last day, seconds.
    pub ttft: DayFigure,
    /// Tokens per second of the last day: visible ones if any of its runs has them.
    pub rate: DayFigure,
}

/// A value above 0 and the end of its run, in milliseconds since 1970.
pub type DaySample = (i64, f64);

/// A figure of the last day.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DayFigure {
    pub median: Option<f64>,
    /// In the order of their values.
    pub samples: Vec<DaySample>,
}

impl DayFigure {
    /// Leaves out what is no number.
    fn of(samples: &mut Vec<DaySample>) -> Self {
        let mut samples = std::mem::take(samples);
        samples.retain(|(_, value)| value.is_finite());
        samples.sort_unstable_by(|one, other| one.1.total_cmp(&other.1));
        Self { median: median(&samples), samples }
    }
}

impl Figures {
    /// Successes as a share of all attempts of the last day, 0 to 1; `None` without attempts.
    pub fn success_rate(&self) -> Option<f64> {
        let all = self.successes_24h + self.failures_24h;
        (all > 0).then(|| self.successes_24h as f64 / all as f64)
    }

    /// True if there were attempts on the last day and all failed.
    pub fn only_fails(&self) -> bool {
        self.successes_24h == 0 && self.failures_24h > 0
    }

    /// True if it was measured, but each sample was too doubtful to be published: `never_run` in the health row,
    /// which counts successes alone.
    pub fn only_suspect(&self) -> bool {
        let failed = self.last_error_kind.is_some() || self.failures_24h > 0;
        self.last_success_at.is_none() && self.last_attempt_at.is_some() && !failed
    }

    /// The freshness now. The word in a health row was true only when it was written.
    pub fn freshness(&self, enabled: bool, now: DateTime<Utc>) -> &'static str {
        let cadence = self.cadence_seconds.filter(|seconds| *seconds > 0).unwrap_or(DEFAULT_CADENCE_SECONDS);
        let staleness = self.last_success_at.map(|at| (now - at).num_seconds().max(0));
        model_health::freshness(enabled, staleness, cadence)
    }

    /// Takes the figures of a health row; ignores values of other types.
    pub fn read_health(&mut self, row: &Map<String, Value>) {
        let instant = |name: &str| row.get(name).and_then(Value::as_str).and_then(parse_date);
        let text = |name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
        self.last_success_at = self.last_success_at.max(instant("last_success_at"));
        self.last_attempt_at = instant("last_attempt_at");
        self.cadence_seconds = row.get("cadence_seconds").and_then(Value::as_i64);
        self.last_error_kind = text("last_error_kind");
        self.last_error_message = text("last_error_message");
    }

    /// Takes the figures of the day's samples.
    pub fn read_samples(&mut self, samples: &mut Samples) {
        self.successes_24h = samples.runs;
        self.last_success_at = self.last_success_at.max(samples.newest);
        self.ttft = DayFigure::of(&mut samples.ttft);
        let rates =
            if samples.visible_rate.is_empty() { &mut samples.rate } else { &mut samples.visible_rate };
        self.rate = DayFigure::of(rates);
    }
}

/// The runs of one model in the window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    pub runs: u64,
    /// The newest end of a run.
    pub newest: Option<DateTime<Utc>>,
    /// Times to the first visible token, in seconds.
    pub ttft: Vec<DaySample>,
    /// Rates in tokens per second.
    pub rate: Vec<DaySample>,
    /// Rates in visible tokens per second.
    pub visible_rate: Vec<DaySample>,
}

/// The median of values in ascending order; the mean of the two middle values for an even number.
fn median(sorted: &[DaySample]) -> Option<f64> {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[middle].1),
        _ => Some(f64::midpoint(sorted[middle - 1].1, sorted[middle].1)),
    }
}

/// Selects the models whose figures are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelScope {
    All,
    Provider(String),
    Model(ModelRef),
}

/// The result of a planned change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeStatus {
    /// It was recorded before it was made; if it was made is no longer known.
    Unknown,
    Done,
    NotDone,
}

impl ChangeStatus {
    /// The word in stores and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeStatus::Unknown => "unknown",
            ChangeStatus::Done => "done",
            ChangeStatus::NotDone => "not_done",
        }
    }

    /// Reads the word; any other text is `Unknown`.
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
    pub batch: String,
    pub model: ModelRef,
    pub at: DateTime<Utc>,
    /// The values before, null for missing ones; `None` if the model was not in the catalog.
    pub before: Option<Map<String, Value>>,
    /// The new values, null for removed fields.
    pub after: Map<String, Value>,
    pub became: ChangeStatus,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ChangeRequest {
    /// The id of the batch that it belongs to.
    pub batch: String,
    pub model: ModelRef,
    /// The values that the decision was based on; `None` if the model must not exist yet.
    pub expected: Option<Map<String, Value>>,
    /// Fields and their new values; null removes a field, and with the provider's name the whole entry.
    pub set: Map<String, Value>,
}

impl ChangeRequest {
    /// True if the whole entry is removed.
    pub fn removes(&self) -> bool {
        takes_away(&self.set)
    }

    /// True if the model is not measured after the change.
    pub fn stops(&self) -> bool {
        self.removes() || self.set.get("enabled") == Some(&Value::Bool(false))
    }

    /// True if the entry still has the expected values; a removal compares every field.
    pub fn fits(&self, present: Option<&CatalogEntry>) -> bool {
        match (present, &self.expected) {
            (None, None) => true,
            (Some(entry), Some(expected)) if self.removes() => entry.fields == *expected,
            (Some(entry), Some(expected)) => entry.values(expected.keys()) == *expected,
            _ => false,
        }
    }
}

/// The store's answer to a change request.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangeOutcome {
    /// The change is durable, and this many queued jobs of the model were cancelled.
    Done {
        /// Queued jobs that were cancelled.
        cancelled_jobs: u64,
    },
    /// The entry has changed meanwhile, and nothing was written.
    Overtaken(Option<Box<CatalogEntry>>),
}

/// The error for enabling a model beside one whose id differs in case alone: both would be measured.
pub(super) fn other_is_enabled(model: &ModelRef) -> StoreError {
    StoreError::Conflict(format!(
        "a model whose id differs from `{model}` in case alone is enabled already: disable that one first"
    ))
}

/// Selects the changes to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangesOf {
    /// All changes of a batch.
    Batch(String),
    /// The newest changes of a model, at most so many.
    Model(ModelRef, u32),
}

/// An enabled model of the catalog, as a runner needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkItem {
    pub model: ModelRef,
    /// The name for people; the raw id if the catalog has no name.
    pub display_name: String,
    /// Request quirks of the catalog, verbatim.
    pub metadata: Map<String, Value>,
}

/// The catalog as an operator edits it.
#[async_trait]
pub trait CatalogStore: Send + Sync {
    /// Entries of one provider or of all, sorted by provider and id.
    async fn entries(&self, provider: Option<&str>) -> Result<Vec<CatalogEntry>, StoreError>;

    /// Figures of the last day of the models in scope. Leaves out a model of which nothing is known.
    async fn figures(
        &self,
        scope: &ModelScope,
        now: DateTime<Utc>,
    ) -> Result<HashMap<ModelRef, Figures>, StoreError>;

    /// Records the start of a batch, before its first change.
    async fn begin_batch(&self, batch: &Batch) -> Result<(), StoreError>;

    /// Makes one change and records it with the values before: both or neither, or, if a crash comes in between, so
    /// that [`CatalogStore::changes`] can tell.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a model whose id differs in case alone is enabled already.
    async fn change(&self, order: &ChangeRequest) -> Result<ChangeOutcome, StoreError>;

    /// Records the end of a batch.
    async fn finish_batch(&self, id: &str, at: DateTime<Utc>) -> Result<(), StoreError>;

    /// The newest batches, at most so many.
    async fn batches(&self, limit: u32) -> Result<Vec<Batch>, StoreError>;

    async fn batch(&self, id: &str) -> Result<Option<Batch>, StoreError>;

    /// Changes: of a batch in the order in which they were made, of a model newest first.
    async fn changes(&self, of: &ChangesOf) -> Result<Vec<CatalogChange>, StoreError>;

    /// Finds catalog models by bare id, enabled or not.
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
            ttft: vec![(5, 0.3), (6, f64::NAN), (7, 0.1)],
            rate: vec![(5, 10.0), (6, 90.0), (7, 20.0)],
            ..Samples::default()
        };
        let mut figures = Figures::default();
        figures.read_samples(&mut samples);
        assert_eq!((figures.ttft.median, figures.rate.median), (Some(0.2), Some(20.0)));
        assert_eq!(figures.ttft.samples, [(7, 0.1), (5, 0.3)]);
        samples.visible_rate = vec![(5, 5.0)];
        figures.read_samples(&mut samples);
        assert_eq!(figures.rate.median, Some(5.0));
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
