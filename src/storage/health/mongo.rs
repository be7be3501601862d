//! Heartbeats, check runs and the freshness of all models in MongoDB, by the server's clock.

use super::model_health::{HealthInputs, WINDOW};
use super::{Audit, Baseline, Cadences, Heartbeat, ModelHealth, SelfCheckResult, SelfCheckRun, model_health};
use crate::domain::ModelRef;
use crate::storage::catalog::endpoint_lanes::pinned_endpoints;
use crate::storage::catalog::mongo::work_list;
use crate::storage::mongo::bson::{date, natural, to_document};
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::to_json::{instant, whole};
use crate::storage::mongo::{MongoContext, MongoStore, bulk_update, to_json};
use crate::storage::{HealthStore, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use mongodb::bson::{Bson, Document, doc};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

#[async_trait]
impl HealthStore for MongoStore {
    async fn heartbeat(&self, heartbeats: &[Heartbeat]) -> Result<(), StoreError> {
        let (shared, heartbeats) = (Arc::clone(&self.shared), heartbeats.to_vec());
        self.caller.call(async move { heartbeat(&shared, &heartbeats).await }).await
    }

    async fn keep_check_run(&self, run: &SelfCheckRun) -> Result<(), StoreError> {
        let (shared, run) = (Arc::clone(&self.shared), run.clone());
        self.caller.call(async move { keep_check_run(&shared, &run).await }).await
    }

    async fn latest_check_run(&self) -> Result<Option<SelfCheckRun>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { latest_check_run(&shared).await }).await
    }

    async fn refresh_health(&self, cadences: &Cadences) -> Result<u64, StoreError> {
        let (shared, cadences) = (Arc::clone(&self.shared), cadences.clone());
        self.caller.patiently(async move { refresh_health(&shared, &cadences).await }).await
    }

    async fn health(&self) -> Result<Vec<ModelHealth>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { health(&shared).await }).await
    }

    async fn server_time(&self) -> Result<DateTime<Utc>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { server_time(&shared).await }).await
    }
}

pub async fn heartbeat(shared: &MongoContext, heartbeats: &[Heartbeat]) -> Result<(), MongoCallError> {
    let update = |heartbeat: &Heartbeat| {
        doc! {
            "q": { "component": &heartbeat.component },
            "u": {
                "$set": { "details": natural(&Value::Object(heartbeat.details.clone())) },
                "$currentDate": { "updated_at": true },
                "$setOnInsert": { "_id": &heartbeat.component },
            },
            "upsert": true,
        }
    };
    let updates: Vec<_> = heartbeats.iter().map(update).collect();
    bulk_update::update(shared, &shared.names.scheduler_heartbeats, &updates).await.map(drop)
}

pub async fn keep_check_run(shared: &MongoContext, run: &SelfCheckRun) -> Result<(), MongoCallError> {
    let result = |result: &SelfCheckResult| {
        doc! {
            "name": &result.name,
            "ok": result.ok,
            "evaluated": result.evaluated,
            "violation_count": count(result.violation_count),
            "error": result.error.as_deref(),
            "subjects": &result.subjects,
        }
    };
    let audit = |audit: &Audit| {
        doc! {
            "name": &audit.name,
            "description": &audit.description,
            "count": count(audit.count),
            "subjects": &audit.subjects,
        }
    };
    let baseline = run.baseline.as_ref();
    let baseline =
        baseline.map(|baseline| doc! { "models": count(baseline.models), "at": date(baseline.at) });
    let row = doc! {
        "checked_at": date(run.checked_at),
        "threshold_version": count(run.threshold_version.into()),
        "cadence_seconds": count(run.cadence_seconds.into()),
        "baseline": baseline,
        "audits": run.audits.iter().map(audit).collect::<Vec<_>>(),
        "results": run.results.iter().map(result).collect::<Vec<_>>(),
    };
    shared.collection(&shared.names.check_runs).insert_one(row).await?;
    Ok(())
}

fn count(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The newest run of the self-checks. The Python runner's rows have other fields beside these.
pub async fn latest_check_run(shared: &MongoContext) -> Result<Option<SelfCheckRun>, MongoCallError> {
    let rows = shared.collection(&shared.names.check_runs);
    let newest = rows.find_one(doc! {}).sort(doc! { "checked_at": -1 }).await?;
    Ok(newest.as_ref().and_then(check_run))
}

fn check_run(row: &Document) -> Option<SelfCheckRun> {
    let number = |name: &str| whole(row, name).and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
    let results = bulk_update::array(row, "results").iter().filter_map(Bson::as_document);
    let baseline = |row: &Document| {
        let models = whole(row, "models")?.unsigned_abs();
        Some(Baseline { models, at: instant(row, "at")? })
    };
    Some(SelfCheckRun {
        baseline: row.get_document("baseline").ok().and_then(baseline),
        checked_at: instant(row, "checked_at")?,
        threshold_version: number("threshold_version"),
        cadence_seconds: number("cadence_seconds"),
        results: results.filter_map(check_result).collect(),
        audits: bulk_update::array(row, "audits")
            .iter()
            .filter_map(Bson::as_document)
            .filter_map(audit)
            .collect(),
    })
}

fn audit(row: &Document) -> Option<Audit> {
    Some(Audit {
        name: row.get_str("name").ok()?.to_owned(),
        description: row.get_str("description").unwrap_or_default().to_owned(),
        count: whole(row, "count").map_or(0, i64::unsigned_abs),
        subjects: words(row, "subjects"),
    })
}

/// A list's texts; other values as JSON.
fn words(row: &Document, name: &str) -> Vec<String> {
    bulk_update::array(row, name).iter().filter_map(|word| to_json::words(Some(word))).collect()
}

fn check_result(row: &Document) -> Option<SelfCheckResult> {
    Some(SelfCheckResult {
        name: row.get_str("name").ok()?.to_owned(),
        ok: row.get_bool("ok").unwrap_or(false),
        evaluated: row.get_bool("evaluated").unwrap_or(false),
        violation_count: whole(row, "violation_count").map_or(0, i64::unsigned_abs),
        error: row.get_str("error").ok().map(str::to_owned),
        subjects: words(row, "subjects"),
    })
}

/// Models whose rows one statement refreshes.
const GROUP: usize = 1000;

/// Updates every model's freshness. Ages are by the server's clock, and the server computes the rows: a few statements
/// for all models of one cadence, because building one per model would block others on the same thread.
pub async fn refresh_health(shared: &MongoContext, cadences: &Cadences) -> Result<u64, MongoCallError> {
    let rows = shared.collection(&shared.names.model_health);
    let mut known = HashSet::new();
    let mut cursor = rows.find(doc! {}).projection(doc! { "_id": 1 }).await?;
    while cursor.advance().await? {
        let row: Document = cursor.deserialize_current()?;
        known.extend(row.get_str("_id").ok().map(str::to_owned));
    }
    let fields =
        doc! { "provider": 1, "model_id": 1, "enabled": 1, "deprecated": 1, "metadata.endpoints": 1 };
    let mut cursor = shared.collection(&shared.names.models).find(doc! {}).projection(fields).await?;
    let (mut groups, mut new) = (BTreeMap::<(bool, u32), Vec<String>>::new(), Vec::new());
    let mut tags = Vec::new();
    let nobody = ModelRef::new("", "");
    let never = to_document(&model_health::fields(&nobody, &HealthInputs::default(), DateTime::UNIX_EPOCH));
    while cursor.advance().await? {
        let entry: Document = cursor.deserialize_current()?;
        let Some(model) = work_list::model(&entry) else { continue };
        let id = model_health::id(&model);
        if !known.contains(&id) {
            new.push(first_row(&never, &id, &model));
        }
        tags.extend(model.is_routed().then(|| endpoint_tag(&id, &entry)));
        groups.entry((work_list::wanted(&entry), cadences.of(&model))).or_default().push(id);
    }
    let statement = |enabled: bool, cadence: u32, ids: &[String]| {
        doc! { "q": { "_id": { "$in": ids } }, "u": refreshed(enabled, cadence), "multi": true }
    };
    let refreshed: Vec<Document> = groups
        .iter()
        .flat_map(|((enabled, cadence), ids)| {
            ids.chunks(GROUP).map(move |ids| statement(*enabled, *cadence, ids))
        })
        .collect();
    bulk_update::update(shared, &shared.names.model_health, &new).await?;
    bulk_update::update(shared, &shared.names.model_health, &refreshed).await?;
    bulk_update::update(shared, &shared.names.model_health, &tags).await?;
    Ok(groups.values().map(|ids| ids.len() as u64).sum())
}

/// Names the endpoint of a router's model for the dashboard. Its index allows one row for a model, so a model with several
/// pinned endpoints has none there; `bench_endpoints` has them.
fn endpoint_tag(id: &str, entry: &Document) -> Document {
    let metadata = entry.get_document("metadata").map(to_json::fields).unwrap_or_default();
    let tag = match pinned_endpoints(&metadata).as_slice() {
        [only] => Some(only.tag.clone()),
        _ => None,
    };
    doc! { "q": { "_id": id }, "u": { "$set": { "endpoint_tag": tag } } }
}

/// Inserts the row of a model that never ran, if it has none.
fn first_row(never: &Document, id: &str, model: &ModelRef) -> Document {
    let mut fields = never.clone();
    fields.insert("provider", &model.provider);
    fields.insert("model_id", &model.model_id);
    doc! { "q": { "_id": id }, "u": { "$setOnInsert": fields }, "upsert": true }
}

/// `storage::health::model_health::refreshed` as an aggregation.
fn refreshed(enabled: bool, cadence: u32) -> Vec<Document> {
    let known = doc! { "$eq": [{ "$type": "$last_success_at" }, "date"] };
    let seconds = doc! { "$toInt": { "$min": [i64::from(i32::MAX), {
        "$max": [0, { "$floor": { "$divide": [{ "$subtract": ["$$NOW", "$last_success_at"] }, 1000] } }],
    }] } };
    let recent = doc! { "$gte": ["$last_attempt_at", { "$subtract": ["$$NOW", WINDOW.num_milliseconds()] }] };
    let of_day = |name: &str| doc! { "$cond": [recent.clone(), { "$ifNull": [format!("${name}"), 0] }, 0] };
    let now = doc! {
        "enabled": enabled,
        "cadence_seconds": i32::try_from(cadence).unwrap_or(i32::MAX),
        "staleness_seconds": { "$cond": [known, seconds, null] },
        "successes_24h": of_day("successes_24h"),
        "failures_24h": of_day("failures_24h"),
        "deadline_misses_24h": of_day("deadline_misses_24h"),
        "updated_at": "$$NOW",
    };
    vec![doc! { "$set": now }, doc! { "$set": { "freshness_status": freshness(cadence) } }]
}

/// `storage::health::model_health::freshness` as an aggregation.
fn freshness(cadence: u32) -> Document {
    let cadence = i64::from(cadence);
    let case = |case: Document, then: &str| doc! { "case": case, "then": then };
    doc! { "$switch": { "branches": [
        case(doc! { "$not": ["$enabled"] }, "disabled"),
        case(doc! { "$eq": ["$staleness_seconds", null] }, "never_run"),
        case(doc! { "$gt": ["$staleness_seconds", 3 * cadence] }, "critical"),
        case(doc! { "$gt": [{ "$multiply": ["$staleness_seconds", 2] }, 3 * cadence] }, "stale"),
    ], "default": "fresh" } }
}

pub async fn health(shared: &MongoContext) -> Result<Vec<ModelHealth>, MongoCallError> {
    let rows = shared.collection(&shared.names.model_health);
    let mut cursor = rows.find(doc! {}).sort(doc! { "_id": 1 }).await?;
    let mut found = Vec::new();
    while cursor.advance().await? {
        found.extend(ModelHealth::read(&to_json::document(cursor.current())));
    }
    Ok(found)
}

pub async fn server_time(shared: &MongoContext) -> Result<DateTime<Utc>, MongoCallError> {
    let answer = shared.database.run_command(doc! { "hello": 1 }).await?;
    let silent = || StoreError::Broken("the server does not say what time it is".to_owned());
    Ok(instant(&answer, "localTime").ok_or_else(silent)?)
}
