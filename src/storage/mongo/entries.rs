//! Entries of the catalogue as they are, and the figures of their last day. Whatever type a field has, it is shown.

use super::Shared;
use super::bson::date;
use super::errors::Trouble;
use crate::domain::ModelRef;
use crate::storage::catalogue::{Entry, Figures, Samples, Scope};
use crate::storage::contract::date_value;
use crate::storage::health::{CLOCK_SLACK, WINDOW};
use chrono::{DateTime, Utc};
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The hours that one group of samples covers, in milliseconds. A group is one document of at most 16 MB, which a whole
/// day of a model that is measured all the time would not fit into.
const BLOCK: i64 = 6 * 3600 * 1000;

/// So many groups come in one answer: those of a catalogue of thousands are one journey and not fifty.
pub(super) const ANSWER: u32 = 20_000;

/// All entries, of one provider or of all.
pub async fn entries(shared: &Shared, provider: Option<&str>) -> Result<Vec<Entry>, Trouble> {
    let filter = provider.map_or_else(Document::new, |name| doc! { "provider": name });
    let sort = doc! { "provider": 1, "model_id": 1 };
    let mut cursor = shared.collection(&shared.names.models).find(filter).sort(sort).await?;
    let mut found = Vec::new();
    while cursor.advance().await? {
        found.push(entry(cursor.deserialize_current()?));
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

    async fn health(&self) -> Result<Vec<Document>, Error> {
        let rows = self.shared.collection(&self.shared.names.model_health);
        let mut cursor = rows.find(self.scoped("model_id")).await?;
        let mut found = Vec::new();
        while cursor.advance().await? {
            found.push(cursor.deserialize_current()?);
        }
        Ok(found)
    }

    async fn samples(&self) -> Result<HashMap<ModelRef, Samples>, Error> {
        let block = doc! { "$floor": { "$divide": [{ "$toLong": "$run_ts" }, BLOCK] } };
        let group = doc! {
            "_id": { "provider": "$provider", "model_name": "$model_name", "block": block },
            "runs": { "$sum": 1 },
            "newest": { "$max": "$gen_ts" },
            "ttft": { "$push": "$time_to_first_token" },
            "rate": { "$push": "$tokens_per_second" },
            "visible_rate": { "$push": "$visible_tokens_per_second" },
        };
        let stages = [doc! { "$match": self.of_day("run_ts") }, doc! { "$group": group }];
        let runs = self.shared.collection(&self.shared.names.cloud);
        let mut cursor = runs.aggregate(stages).allow_disk_use(true).await?;
        let mut all: HashMap<ModelRef, Samples> = HashMap::new();
        while cursor.advance().await? {
            let group: Document = cursor.deserialize_current()?;
            let Some(model) = group.get_document("_id").ok().and_then(|id| model(id, "model_name")) else {
                continue;
            };
            let samples = all.entry(model).or_default();
            samples.runs += count(&group, "runs");
            let newest = group.get_datetime("newest").ok();
            let newest = newest.and_then(|at| DateTime::from_timestamp_millis(at.timestamp_millis()));
            samples.newest = samples.newest.max(newest);
            samples.ttft.extend(numbers(&group, "ttft"));
            samples.rate.extend(numbers(&group, "rate"));
            samples.visible_rate.extend(numbers(&group, "visible_rate"));
        }
        Ok(all)
    }

    /// How many runs, and when the newest began: read from an index alone.
    pub async fn runs(&self) -> Result<Vec<(ModelRef, u64, Option<DateTime<Utc>>)>, Error> {
        let group = doc! {
            "_id": { "provider": "$provider", "model_name": "$model_name" },
            "runs": { "$sum": 1 },
            "newest": { "$max": "$run_ts" },
        };
        let runs = self.shared.collection(&self.shared.names.cloud);
        let stages = [doc! { "$match": self.of_day("run_ts") }, doc! { "$group": group }];
        let mut cursor = runs.aggregate(stages).allow_disk_use(true).batch_size(ANSWER).await?;
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
    pub async fn failures(&self) -> Result<Vec<(ModelRef, u64)>, Error> {
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
        let mut cursor = errors.aggregate(stages).allow_disk_use(true).batch_size(ANSWER).await?;
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

/// The numbers of an array. What is none in an old row is passed over.
fn numbers<'a>(group: &'a Document, name: &str) -> impl Iterator<Item = f64> + 'a {
    let values = group.get_array(name).map(Vec::as_slice).unwrap_or_default();
    values.iter().filter_map(|value| match value {
        Bson::Double(number) => Some(*number),
        Bson::Int32(number) => Some(f64::from(*number)),
        _ => None,
    })
}
