//! Everything at a glance: the catalogue, its health, the attempts of the window, remote runners and their keys, heartbeats and the
//! newest self-checks.
//! Seven questions side by side, each bounded by the catalogue or answered from an index on time; joined here.

use super::catalogue::wanted;
use super::entries::{BATCH, Window};
use super::errors::Trouble;
use super::{MongoStore, Shared, plain, received};
use crate::domain::ModelRef;
use crate::domain::fleet::{Beat, Fleet};
use crate::storage::StoreError;
use crate::storage::catalogue::{Figures, PROBING, Scope};
use crate::storage::overview::{Overview, Standing, by_provider, moment, runners};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use mongodb::bson::{Bson, Document, doc};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

#[async_trait]
impl Overview for MongoStore {
    async fn overview(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Fleet, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { overview(&shared, since, now).await }).await
    }
}

/// The state of everything.
async fn overview(shared: &Shared, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Fleet, Trouble> {
    let window = Window { shared, scope: &Scope::All, since, now };
    let (entries, health, runs, failures, beats, keys, check) = tokio::try_join!(
        found(shared, &shared.names.models, &["provider", "model_id", "enabled", "deprecated", "status"]),
        found(
            shared,
            &shared.names.model_health,
            &[
                "provider",
                "model_id",
                "last_success_at",
                "last_attempt_at",
                "last_error_kind",
                "cadence_seconds"
            ]
        ),
        window.runs(),
        window.failures(),
        found(shared, &shared.names.scheduler_heartbeats, &["component", "updated_at", "details"]),
        received::keys(shared),
        check(shared),
    )?;
    let mut figures: HashMap<ModelRef, Figures> = HashMap::new();
    for row in &health {
        let of = figures.entry(model(row)).or_default();
        of.last_success_at = moment(row.get("last_success_at").map(plain::value).as_ref());
        of.last_attempt_at = moment(row.get("last_attempt_at").map(plain::value).as_ref());
        of.last_error_kind = plain::words(row.get("last_error_kind"));
        of.cadence_seconds = row.get("cadence_seconds").and_then(whole);
    }
    for (model, runs, newest) in runs {
        let of = figures.entry(model).or_default();
        (of.successes_24h, of.last_success_at) = (runs, of.last_success_at.max(newest));
    }
    for (model, failures) in failures {
        figures.entry(model).or_default().failures_24h = failures;
    }
    let standings = entries.iter().map(|entry| {
        let model = model(entry);
        let enabled = wanted(entry);
        let probing = !enabled && entry.get_str("status").is_ok_and(|status| status == PROBING);
        let figures = figures.get(&model).cloned().unwrap_or_default();
        Standing { provider: model.provider, enabled, probing, figures }
    });
    let mut beats: Vec<Beat> = beats.into_iter().map(beat).collect();
    beats.sort_by(|one, other| one.component.cmp(&other.component));
    let runners = runners(&beats, &keys, now);
    Ok(Fleet { providers: by_provider(standings, now), runners, beats, check })
}

/// These fields of every row of a collection that the catalogue bounds.
async fn found(shared: &Shared, collection: &str, fields: &[&str]) -> Result<Vec<Document>, Trouble> {
    let mut shown: Document = fields.iter().map(|field| ((*field).to_owned(), Bson::Int32(1))).collect();
    shown.insert("_id", 0);
    let rows = shared.collection(collection);
    let mut cursor = rows.find(Document::new()).projection(shown).batch_size(BATCH).await?;
    let mut found = Vec::new();
    while cursor.advance().await? {
        found.push(cursor.deserialize_current()?);
    }
    Ok(found)
}

/// The newest self-checks. The server's own ids grow with time, and have an index everywhere.
async fn check(shared: &Shared) -> Result<Option<serde_json::Map<String, Value>>, Trouble> {
    let rows = shared.collection(&shared.names.check_runs);
    let newest = rows.find_one(Document::new()).sort(doc! { "_id": -1 }).await?;
    Ok(newest.as_ref().map(plain::fields))
}

/// Whatever stands there as names.
fn model(row: &Document) -> ModelRef {
    let part = |name: &str| plain::words(row.get(name)).unwrap_or_default();
    ModelRef { provider: part("provider"), model_id: part("model_id") }
}

fn whole(value: &Bson) -> Option<i64> {
    plain::value(value).as_i64()
}

fn beat(row: Document) -> Beat {
    let mut fields = plain::fields(&row);
    let component = match fields.remove("component") {
        Some(Value::String(name)) => name,
        other => other.unwrap_or(Value::Null).to_string(),
    };
    let updated_at = moment(fields.get("updated_at"));
    Beat { component, updated_at, details: fields.remove("details").unwrap_or(Value::Null) }
}
