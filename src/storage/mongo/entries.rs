//! Entries of the catalogue as they are, and the figures of their last day. Whatever type a field has, it is shown.

use super::Shared;
use super::bson::date;
use super::errors::Trouble;
use super::history::{PATIENCE, slow};
use crate::domain::ModelRef;
use crate::storage::catalogue::{Entry, Figures, Samples, Scope};
use crate::storage::contract::date_value;
use crate::storage::health::{CLOCK_SLACK, WINDOW};
use chrono::{DateTime, Utc};
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, doc};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// How many rows come with one answer of the server: thousands of models need no second round.
pub(super) const BATCH: u32 = 50_000;

/// All entries, of one provider or of all.
pub async fn entries(shared: &Shared, provider: Option<&str>) -> Result<Vec<Entry>, Trouble> {
    those(shared, provider.map_or_else(Document::new, |name| doc! { "provider": name }), None).await
}

/// The entries that fit a filter, with some of their fields or all, or what is wanted of each; sorted by provider and id.
pub async fn those<T: From<Entry>>(
    shared: &Shared,
    filter: Document,
    fields: Option<Document>,
) -> Result<Vec<T>, Trouble> {
    let sort = doc! { "provider": 1, "model_id": 1 };
    let models = shared.collection(&shared.names.models);
    let find = models.find(filter).sort(sort).batch_size(BATCH).max_time(PATIENCE);
    let mut cursor = find.projection(fields.unwrap_or_default()).await.map_err(slow)?;
    let mut found = Vec::new();
    while cursor.advance().await? {
        found.push(entry(cursor.deserialize_current()?).into());
    }
    Ok(found)
}

/// A document as an entry, without the id that the server gave it.
pub fn entry(mut document: Document) -> Entry {
    document.remove("_id");
    Entry::new(object(document))
}

/// A document as JSON: dates as RFC 3339, types that JSON lacks written out.
pub fn object(document: Document) -> Map<String, Value> {
    document.into_iter().map(|(name, value)| (name, plain(value))).collect()
}

fn plain(value: Bson) -> Value {
    match value {
        Bson::Null | Bson::Undefined => Value::Null,
        Bson::Boolean(flag) => json!(flag),
        Bson::Int32(number) => json!(number),
        Bson::Int64(number) => json!(number),
        Bson::Double(number) if number.is_finite() => json!(number),
        Bson::String(text) => json!(text),
        Bson::Array(items) => items.into_iter().map(plain).collect(),
        Bson::Document(document) => Value::Object(object(document)),
        Bson::DateTime(instant) => match DateTime::from_timestamp_millis(instant.timestamp_millis()) {
            Some(instant) => date_value(instant),
            None => json!(format!("{} ms after 1970", instant.timestamp_millis())),
        },
        Bson::ObjectId(id) => json!(id.to_hex()),
        other => json!(other.to_string()),
    }
}

/// The figures of the models in scope. Three questions side by side, each answered from an index.
pub async fn figures(
    shared: &Shared,
    scope: &Scope,
    now: DateTime<Utc>,
) -> Result<HashMap<ModelRef, Figures>, Trouble> {
    let window = Window { shared, scope, since: now - WINDOW, now };
    let (health, samples, failures) = tokio::try_join!(window.health(), window.samples(), window.failures())?;
    let mut all: HashMap<ModelRef, Figures> = HashMap::new();
    for row in health {
        if let Some(model) = model(&row, "model_id") {
            all.entry(model).or_default().read_health(&object(row));
        }
    }
    for (model, mut samples) in samples {
        all.entry(model).or_default().read_samples(&mut samples);
    }
    for (model, failures) in failures {
        all.entry(model).or_default().failures_24h = failures;
    }
    Ok(all)
}

/// The attempts of the models in scope, from a moment to the present.
pub(super) struct Window<'a> {
    pub shared: &'a Shared,
    pub scope: &'a Scope,
    pub since: DateTime<Utc>,
    pub now: DateTime<Utc>,
}

impl Window<'_> {
    fn scoped(&self, model_field: &str) -> Document {
        match self.scope {
            Scope::All => Document::new(),
            Scope::Provider(name) => doc! { "provider": name },
            Scope::Model(model) => doc! { "provider": &model.provider, model_field: &model.model_id },
        }
    }

    fn of_day(&self, time_field: &str) -> Document {
        let mut filter = self.scoped("model_name");
        let (since, until) = (date(self.since), date(self.now + CLOCK_SLACK));
        filter.insert(time_field, doc! { "$gte": since, "$lte": until });
        filter
    }

    async fn health(&self) -> Result<Vec<Document>, Trouble> {
        let rows = self.shared.collection(&self.shared.names.model_health);
        let fields = doc! {
            "_id": 0, "provider": 1, "model_id": 1, "last_success_at": 1, "cadence_seconds": 1, "last_error_kind": 1,
            "last_error_message": 1,
        };
        let find = rows.find(self.scoped("model_id")).projection(fields).batch_size(BATCH);
        let mut cursor = find.max_time(PATIENCE).await.map_err(slow)?;
        let mut found = Vec::new();
        while cursor.advance().await? {
            found.push(cursor.deserialize_current()?);
        }
        Ok(found)
    }

    /// Row by row, the few fields that count: grouping on the server takes several times as long as sending them.
    async fn samples(&self) -> Result<HashMap<ModelRef, Samples>, Trouble> {
        let fields = doc! {
            "_id": 0, "provider": 1, "model_name": 1, "gen_ts": 1, "time_to_first_token": 1, "tokens_per_second": 1,
            "visible_tokens_per_second": 1,
        };
        let runs = self.shared.collection(&self.shared.names.cloud);
        let find = runs.find(self.of_day("run_ts")).projection(fields).batch_size(BATCH);
        let mut cursor = find.max_time(PATIENCE).await.map_err(slow)?;
        let mut all: HashMap<ModelRef, Samples> = HashMap::new();
        while cursor.advance().await? {
            let row = cursor.current();
            let (Ok(provider), Ok(model)) = (row.get_str("provider"), row.get_str("model_name")) else {
                continue;
            };
            let samples = all.entry(ModelRef::new(provider, model)).or_default();
            samples.runs += 1;
            let newest = row.get_datetime("gen_ts").ok();
            let newest = newest.and_then(|at| DateTime::from_timestamp_millis(at.timestamp_millis()));
            samples.newest = samples.newest.max(newest);
            samples.ttft.extend(number(row, "time_to_first_token"));
            samples.rate.extend(number(row, "tokens_per_second"));
            samples.visible_rate.extend(number(row, "visible_tokens_per_second"));
        }
        Ok(all)
    }

    /// How many runs, and when the newest began: read from an index alone.
    pub async fn runs(&self) -> Result<Vec<(ModelRef, u64, Option<DateTime<Utc>>)>, Trouble> {
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
                let newest = group.get_datetime("newest").ok();
                let newest = newest.and_then(|at| DateTime::from_timestamp_millis(at.timestamp_millis()));
                found.push((model, count(&group, "runs"), newest));
            }
        }
        Ok(found)
    }

    /// Failures of the published series; the predecessor's carry neither role nor profile, and all of them counted.
    pub async fn failures(&self) -> Result<Vec<(ModelRef, u64)>, Trouble> {
        let profiles = self.shared.published_profiles.iter().cloned().map(Bson::String);
        let profiles: Vec<Bson> = profiles.chain([Bson::Null]).collect();
        let mut filter = self.of_day("ts");
        filter.insert("sample_role", doc! { "$in": ["published", null] });
        filter.insert("benchmark_profile_id", doc! { "$in": profiles });
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

/// A field that is a number. What is none in an old row is passed over.
fn number(row: &RawDocument, name: &str) -> Option<f64> {
    match row.get(name).ok()?? {
        RawBsonRef::Double(number) => Some(number),
        RawBsonRef::Int32(number) => Some(f64::from(number)),
        _ => None,
    }
}
