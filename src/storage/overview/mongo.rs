//! The overview in MongoDB: seven queries side by side, each bounded by the catalog or answered from an index on
//! time, and joined here.

use crate::domain::ModelRef;
use crate::domain::fleet::{Fleet, HeartbeatRow};
use crate::storage::catalog::mongo::entries::{AttemptQuery, BATCH};
use crate::storage::catalog::mongo::work_list::wanted;
use crate::storage::catalog::{Figures, ModelScope, PROBING};
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::{MongoContext, MongoStore, to_json};
use crate::storage::overview::{ModelOverview, OverviewStore, by_provider, moment, runners};
use crate::storage::{StoreError, posts};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use mongodb::bson::{Bson, Document, doc};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

#[async_trait]
impl OverviewStore for MongoStore {
    async fn overview(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Fleet, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { overview(&shared, since, now).await }).await
    }
}

async fn overview(
    shared: &MongoContext,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Fleet, MongoCallError> {
    let window = AttemptQuery { shared, scope: &ModelScope::All, since, now };
    let (entries, health, runs, failures, heartbeats, keys, check) = tokio::try_join!(
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
        posts::mongo::keys(shared),
        check(shared),
    )?;
    let mut figures: HashMap<ModelRef, Figures> = HashMap::new();
    for row in &health {
        let of = figures.entry(model(row)).or_default();
        of.last_success_at = moment(row.get("last_success_at").map(to_json::value).as_ref());
        of.last_attempt_at = moment(row.get("last_attempt_at").map(to_json::value).as_ref());
        of.last_error_kind = to_json::words(row.get("last_error_kind"));
        of.cadence_seconds = row.get("cadence_seconds").and_then(whole);
    }
    for (model, runs, newest) in runs {
        let of = figures.entry(model).or_default();
        (of.successes_24h, of.last_success_at) = (runs, of.last_success_at.max(newest));
    }
    for (model, failures) in failures {
        figures.entry(model).or_default().failures_24h = failures;
    }
    let overviews = entries.iter().map(|entry| {
        let model = model(entry);
        let enabled = wanted(entry);
        let probing = !enabled && entry.get_str("status").is_ok_and(|status| status == PROBING);
        let figures = figures.get(&model).cloned().unwrap_or_default();
        ModelOverview { provider: model.provider, enabled, probing, figures }
    });
    let mut heartbeats: Vec<HeartbeatRow> = heartbeats.into_iter().map(heartbeat).collect();
    heartbeats.sort_by(|one, other| one.component.cmp(&other.component));
    let runners = runners(&heartbeats, &keys, now);
    Ok(Fleet { providers: by_provider(overviews, now), runners, heartbeats, check })
}

/// These fields of every row of a collection whose size the catalog bounds.
async fn found(
    shared: &MongoContext,
    collection: &str,
    fields: &[&str],
) -> Result<Vec<Document>, MongoCallError> {
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
async fn check(shared: &MongoContext) -> Result<Option<serde_json::Map<String, Value>>, MongoCallError> {
    let rows = shared.collection(&shared.names.check_runs);
    let newest = rows.find_one(Document::new()).sort(doc! { "_id": -1 }).await?;
    Ok(newest.as_ref().map(to_json::fields))
}

/// The row's provider and model, of any type.
fn model(row: &Document) -> ModelRef {
    let part = |name: &str| to_json::words(row.get(name)).unwrap_or_default();
    ModelRef { provider: part("provider"), model_id: part("model_id") }
}

fn whole(value: &Bson) -> Option<i64> {
    to_json::value(value).as_i64()
}

fn heartbeat(row: Document) -> HeartbeatRow {
    let mut fields = to_json::fields(&row);
    let component = match fields.remove("component") {
        Some(Value::String(name)) => name,
        other => other.unwrap_or(Value::Null).to_string(),
    };
    let updated_at = moment(fields.get("updated_at"));
    HeartbeatRow { component, updated_at, details: fields.remove("details").unwrap_or(Value::Null) }
}
