//! Entries of the catalog as they are, and the figures of their last day. Fields of any type are shown.

use crate::domain::ModelRef;
use crate::storage::catalog::{CatalogEntry, Figures, ModelScope, Samples};
use crate::storage::health::model_health::{CLOCK_SLACK, WINDOW};
use crate::storage::history::mongo::{PATIENCE, slow};
use crate::storage::history::mongo_batches::each;
use crate::storage::mongo::bson::{date, moment};
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::{MongoContext, to_json};
use crate::storage::outcomes::field_types::parse_date;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, doc};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Rows per answer of the server: thousands of models need no second round trip.
pub(in crate::storage) const BATCH: u32 = 50_000;

/// Parts in which the runs of a window are queried.
const PARTS: usize = 4;

/// Entries of one provider or of all.
pub async fn entries(
    shared: &MongoContext,
    provider: Option<&str>,
) -> Result<Vec<CatalogEntry>, MongoCallError> {
    those(shared, provider.map_or_else(Document::new, |name| doc! { "provider": name }), None).await
}

/// The entries that match a filter, with some of their fields or all, converted to `T`; sorted by provider and id.
pub async fn those<T: From<CatalogEntry>>(
    shared: &MongoContext,
    filter: Document,
    fields: Option<Document>,
) -> Result<Vec<T>, MongoCallError> {
    let sort = doc! { "provider": 1, "model_id": 1 };
    let models = shared.collection(&shared.names.models);
    let find = models.find(filter).sort(sort).batch_size(BATCH).max_time(PATIENCE);
    let cursor = find.projection(fields.unwrap_or_default()).batch().await.map_err(slow)?;
    let mut found = Vec::new();
    each(cursor, |row| found.push(nameless(to_json::document(row)).into())).await?;
    Ok(found)
}

/// A document as an entry, without the id that the server gave it.
pub fn entry(document: &Document) -> CatalogEntry {
    nameless(to_json::fields(document))
}

fn nameless(mut fields: Map<String, Value>) -> CatalogEntry {
    fields.shift_remove("_id");
    CatalogEntry::new(fields)
}

/// The figures of the models in scope. Three queries side by side, each answered from an index.
pub async fn figures(
    shared: &MongoContext,
    scope: &ModelScope,
    now: DateTime<Utc>,
) -> Result<HashMap<ModelRef, Figures>, MongoCallError> {
    let window = AttemptQuery { shared, scope, since: now - WINDOW, now };
    let (health, samples, failures) = tokio::try_join!(window.health(), window.samples(), window.failures())?;
    let mut all = health;
    for (model, mut samples) in samples {
        all.entry(model).or_default().read_samples(&mut samples);
    }
    for (model, failures) in failures {
        all.entry(model).or_default().failures_24h = failures;
    }
    Ok(all)
}

/// The attempts of the models in scope, from a moment to the present.
pub(in crate::storage) struct AttemptQuery<'a> {
    pub shared: &'a MongoContext,
    pub scope: &'a ModelScope,
    pub since: DateTime<Utc>,
    pub now: DateTime<Utc>,
}

impl AttemptQuery<'_> {
    fn scoped(&self, model_field: &str) -> Document {
        match self.scope {
            ModelScope::All => Document::new(),
            ModelScope::Provider(name) => doc! { "provider": name },
            ModelScope::Model(model) => doc! { "provider": &model.provider, model_field: &model.model_id },
        }
    }

    fn within(&self, time_field: &str, when: Document) -> Document {
        let mut filter = self.scoped("model_name");
        filter.insert(time_field, when);
        filter
    }

    fn until(&self) -> DateTime<Utc> {
        self.now + CLOCK_SLACK
    }

    fn of_day(&self, time_field: &str) -> Document {
        self.within(time_field, doc! { "$gte": date(self.since), "$lte": date(self.until()) })
    }

    /// Filters for parts of the window, all of the same length.
    fn parts(&self) -> [Document; PARTS] {
        let part = (self.until() - self.since) / PARTS as i32;
        std::array::from_fn(|at| {
            let since = self.since + part * at as i32;
            let mut when = doc! { "$gte": date(since) };
            if at + 1 == PARTS {
                when.insert("$lte", date(self.until()));
            } else {
                when.insert("$lt", date(since + part));
            }
            self.within("run_ts", when)
        })
    }

    async fn health(&self) -> Result<HashMap<ModelRef, Figures>, MongoCallError> {
        let rows = self.shared.collection(&self.shared.names.model_health);
        let fields = doc! {
            "_id": 0, "provider": 1, "model_id": 1, "last_success_at": 1, "last_attempt_at": 1, "cadence_seconds": 1,
            "last_error_kind": 1, "last_error_message": 1,
        };
        let find = rows.find(self.scoped("model_id")).projection(fields).batch_size(BATCH);
        let cursor = find.max_time(PATIENCE).batch().await.map_err(slow)?;
        let mut found = HashMap::new();
        each(cursor, |row| found.extend(known(row))).await?;
        Ok(found)
    }

    /// Reads the few needed fields row by row: grouping on the server takes several times as long as sending them.
    /// Queried in parts, so that one is read while the server finds the others.
    async fn samples(&self) -> Result<HashMap<ModelRef, Samples>, MongoCallError> {
        let fields = doc! {
            "_id": 0, "provider": 1, "model_name": 1, "gen_ts": 1, "time_to_first_token": 1, "tokens_per_second": 1,
            "visible_tokens_per_second": 1,
        };
        let runs = self.shared.collection(&self.shared.names.cloud);
        let ask = |part| {
            let find = runs.find(part).projection(fields.clone()).batch_size(BATCH);
            find.max_time(PATIENCE).batch()
        };
        let mut answers: FuturesUnordered<_> = self.parts().into_iter().map(ask).collect();
        let mut all: HashMap<String, HashMap<String, Samples>> = HashMap::new();
        while let Some(answer) = answers.next().await {
            let take = |row: &RawDocument| {
                if let Some(run) = RunFigures::read(row) {
                    run.add_to(&mut all);
                }
            };
            each(answer.map_err(slow)?, take).await?;
        }
        let of = |(provider, models): (String, HashMap<String, Samples>)| {
            models.into_iter().map(move |(model, samples)| (ModelRef::new(provider.clone(), model), samples))
        };
        Ok(all.into_iter().flat_map(of).collect())
    }

    /// Number of runs, and the start of the newest: read from an index alone.
    pub async fn runs(&self) -> Result<Vec<(ModelRef, u64, Option<DateTime<Utc>>)>, MongoCallError> {
        let group = doc! {
            "_id": { "provider": "$provider", "model_name": "$model_name" },
            "runs": { "$sum": 1 },
            "newest": { "$max": "$run_ts" },
        };
        let runs = self.shared.collection(&self.shared.names.cloud);
        let stages = [doc! { "$match": self.of_day("run_ts") }, doc! { "$group": group }];
        let mut cursor = runs.aggregate(stages).allow_disk_use(true).batch_size(BATCH).await?;
        let mut found = Vec::new();
        while cursor.advance().await? {
            let group: Document = cursor.deserialize_current()?;
            if let Some(model) = group.get_document("_id").ok().and_then(|id| model(id, "model_name")) {
                let newest = group.get_datetime("newest").ok().and_then(|at| moment(*at));
                found.push((model, count(&group, "runs"), newest));
            }
        }
        Ok(found)
    }

    /// Failures of the published series; the Python runner's carry neither role nor profile, and all of them count.
    pub async fn failures(&self) -> Result<Vec<(ModelRef, u64)>, MongoCallError> {
        let mut filter = self.of_day("ts");
        filter.extend(crate::storage::aggregates::mongo::published(self.shared));
        let group = doc! {
            "_id": { "provider": "$provider", "model_name": "$model_name" },
            "failures": { "$sum": 1 },
        };
        let errors = self.shared.collection(&self.shared.names.errors);
        let stages = [doc! { "$match": filter }, doc! { "$group": group }];
        let asked = errors.aggregate(stages).allow_disk_use(true).batch_size(BATCH).max_time(PATIENCE);
        let mut cursor = asked.await.map_err(slow)?;
        let mut found = Vec::new();
        while cursor.advance().await? {
            let group: Document = cursor.deserialize_current()?;
            if let Some(model) = group.get_document("_id").ok().and_then(|id| model(id, "model_name")) {
                found.push((model, count(&group, "failures")));
            }
        }
        Ok(found)
    }
}

fn model(row: &Document, model_field: &str) -> Option<ModelRef> {
    Some(ModelRef::new(row.get_str("provider").ok()?, row.get_str(model_field).ok()?))
}

fn count(group: &Document, name: &str) -> u64 {
    match group.get(name) {
        Some(Bson::Int32(number)) => u64::from(number.unsigned_abs()),
        Some(Bson::Int64(number)) => number.unsigned_abs(),
        _ => 0,
    }
}

/// The model and figures of a health row.
fn known(row: &RawDocument) -> Option<(ModelRef, Figures)> {
    let (mut model, mut known) = (ModelRef::new("", ""), Figures::default());
    for field in row {
        let (name, value) = field.ok()?;
        match (name.as_str(), value) {
            ("provider", RawBsonRef::String(text)) => text.clone_into(&mut model.provider),
            ("model_id", RawBsonRef::String(text)) => text.clone_into(&mut model.model_id),
            ("last_success_at", RawBsonRef::DateTime(at)) => {
                known.last_success_at = moment(at);
            }
            ("last_success_at", RawBsonRef::String(text)) => known.last_success_at = parse_date(text),
            ("last_attempt_at", RawBsonRef::DateTime(at)) => known.last_attempt_at = moment(at),
            ("cadence_seconds", RawBsonRef::Int32(number)) => known.cadence_seconds = Some(i64::from(number)),
            ("cadence_seconds", RawBsonRef::Int64(number)) => known.cadence_seconds = Some(number),
            ("last_error_kind", RawBsonRef::String(text)) => known.last_error_kind = Some(text.to_owned()),
            ("last_error_message", RawBsonRef::String(text)) => {
                known.last_error_message = Some(text.to_owned());
            }
            _ => {}
        }
    }
    (!model.provider.is_empty() && !model.model_id.is_empty()).then_some((model, known))
}

/// The needed fields of a run, borrowed from the server's answer. Skips values of another type in old rows.
#[derive(Default)]
struct RunFigures<'a> {
    provider: &'a str,
    model: &'a str,
    ended: Option<DateTime<Utc>>,
    ttft: Option<f64>,
    rate: Option<f64>,
    visible_rate: Option<f64>,
}

impl<'a> RunFigures<'a> {
    /// Reads a row once from front to end: each lookup of a field would scan it again.
    fn read(row: &'a RawDocument) -> Option<Self> {
        let mut run = Self::default();
        for field in row {
            let (name, value) = field.ok()?;
            match (name.as_str(), value) {
                ("provider", RawBsonRef::String(text)) => run.provider = text,
                ("model_name", RawBsonRef::String(text)) => run.model = text,
                ("gen_ts", RawBsonRef::DateTime(at)) => {
                    run.ended = moment(at);
                }
                ("time_to_first_token", value) => run.ttft = number(value),
                ("tokens_per_second", value) => run.rate = number(value),
                ("visible_tokens_per_second", value) => run.visible_rate = number(value),
                _ => {}
            }
        }
        (!run.provider.is_empty() && !run.model.is_empty()).then_some(run)
    }

    /// Adds the run to the samples of its model, by provider and id. Names are copied once per model, not per run.
    fn add_to(&self, all: &mut HashMap<String, HashMap<String, Samples>>) {
        let known = all.get_mut(self.provider).and_then(|models| models.get_mut(self.model));
        let samples = match known {
            Some(samples) => samples,
            None => {
                all.entry(self.provider.to_owned()).or_default().entry(self.model.to_owned()).or_default()
            }
        };
        samples.runs += 1;
        samples.newest = samples.newest.max(self.ended);
        // A run that was published without a rate is of another profile than the others.
        if let Some(rate) = self.rate {
            // Runs that do not say when they ended still count in the median, and share one block of time.
            let ended = self.ended.map_or(0, |ended| ended.timestamp_millis());
            samples.ttft.extend(self.ttft.map(|value| (ended, value)));
            samples.rate.push((ended, rate));
            samples.visible_rate.extend(self.visible_rate.map(|value| (ended, value)));
        }
    }
}

fn number(value: RawBsonRef<'_>) -> Option<f64> {
    match value {
        RawBsonRef::Double(number) => Some(number),
        RawBsonRef::Int32(number) => Some(f64::from(number)),
        _ => None,
    }
}
