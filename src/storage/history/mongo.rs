//! Queries about stored runs and errors, as aggregations: bounded, without files on the server's disk, and with a limit
//! on the server's time, so that a query without its index cannot slow down writers.

use crate::domain::error_cause::{CAUSES, OTHER};
use crate::domain::{ErrorGroup, ModelRef};
use crate::storage::history::{
    ErrorGranularity, HistoryFilter, HistoryStore, MOST_GROUPS, MOST_ROWS, PublishedSample, RunSeries,
    SAMPLE, StoredRow, Successes,
};
use crate::storage::mongo::bson::date;
use crate::storage::mongo::errors::{MongoCallError, code};
use crate::storage::mongo::to_json::instant;
use crate::storage::mongo::{MongoContext, MongoStore, to_json};
use crate::storage::{StoreError, aggregates};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use std::sync::Arc;
use std::time::Duration;

#[async_trait]
impl HistoryStore for MongoStore {
    async fn error_groups(
        &self,
        scope: &HistoryFilter,
        grain: ErrorGranularity,
    ) -> Result<Vec<ErrorGroup>, StoreError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        self.caller.call(async move { error_groups(&shared, &scope, grain).await }).await
    }

    async fn successes(
        &self,
        scope: &HistoryFilter,
        by_model: bool,
        series: &[RunSeries],
    ) -> Result<Vec<Successes>, StoreError> {
        let (shared, scope, series) = (Arc::clone(&self.shared), scope.clone(), series.to_vec());
        self.caller.call(async move { successes(&shared, &scope, by_model, &series).await }).await
    }

    async fn errors(&self, scope: &HistoryFilter, limit: u32) -> Result<Vec<StoredRow>, StoreError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        self.caller.call(async move { errors(&shared, &scope, limit).await }).await
    }

    async fn runs(
        &self,
        scope: &HistoryFilter,
        series: RunSeries,
        limit: u32,
    ) -> Result<Vec<StoredRow>, StoreError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        self.caller.call(async move { runs(&shared, &scope, series, limit).await }).await
    }

    async fn published_samples(
        &self,
        model: &ModelRef,
        since: DateTime<Utc>,
    ) -> Result<Vec<PublishedSample>, StoreError> {
        let (shared, model) = (Arc::clone(&self.shared), model.clone());
        self.caller
            .call(async move { super::mongo_times::published_samples(&shared, &model, since).await })
            .await
    }

    async fn run(&self, id: &str) -> Result<Option<StoredRow>, StoreError> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        self.caller.call(async move { run(&shared, &id).await }).await
    }

    async fn error(&self, id: &str) -> Result<Option<StoredRow>, StoreError> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        self.caller.call(async move { error(&shared, &id).await }).await
    }

    async fn rollups(&self, fingerprint: &str, limit: u32) -> Result<Vec<StoredRow>, StoreError> {
        let (shared, fingerprint) = (Arc::clone(&self.shared), fingerprint.to_owned());
        self.caller.call(async move { rollups(&shared, &fingerprint, limit).await }).await
    }
}

/// The server's time for one query; shorter than the deadline of a call, so that the server is the one that reports it.
pub(in crate::storage) const PATIENCE: Duration = Duration::from_secs(10);

/// The code of `MaxTimeMSExpired`.
const TOO_SLOW: i32 = 50;

/// The code of `QueryExceededMemoryLimitNoDiskUseAllowed`.
const TOO_BIG: i32 = 292;

/// Errors in groups, the largest first.
pub async fn error_groups(
    shared: &MongoContext,
    scope: &HistoryFilter,
    grain: ErrorGranularity,
) -> Result<Vec<ErrorGroup>, MongoCallError> {
    let mut pipeline = groups_pipeline(scope, grain);
    if scope.published_errors {
        // A stage of its own: the one before it is served by the index.
        pipeline.insert(1, doc! { "$match": aggregates::mongo::published(shared) });
    }
    let found = aggregate(shared, &shared.names.errors, pipeline).await?;
    Ok(found.iter().map(error_group).collect())
}

/// The newest message of a group is in the greatest pair of time and message, so no sort is needed.
fn groups_pipeline(scope: &HistoryFilter, grain: ErrorGranularity) -> Vec<Document> {
    let message = doc! { "$cond": [
        { "$eq": [{ "$type": "$message" }, "string"] },
        { "$substrCP": ["$message", 0, SAMPLE as i64] },
        "$message",
    ] };
    let group = doc! {
        "_id": key(grain),
        "count": { "$sum": 1 },
        "first": { "$min": "$ts" },
        "last": { "$max": "$ts" },
        "newest": { "$max": { "ts": "$ts", "message": message, "model": "$model_name" } },
    };
    vec![
        doc! { "$match": filter(scope, "ts") },
        doc! { "$group": group },
        doc! { "$sort": { "count": -1, "last": -1 } },
        doc! { "$limit": MOST_GROUPS as i64 },
    ]
}

fn key(grain: ErrorGranularity) -> Document {
    let mut key = doc! { "kind": "$error_kind", "provider": "$provider" };
    for (from, name, field) in [
        (ErrorGranularity::Model, "model", "$model_name"),
        (ErrorGranularity::Stage, "stage", "$stage"),
        (ErrorGranularity::Fingerprint, "fingerprint", "$fingerprint"),
    ] {
        if grain >= from {
            key.insert(name, field);
        }
    }
    if grain == ErrorGranularity::Cause {
        key.insert("cause", cause());
    }
    key
}

/// `domain::error_cause::cause` as an aggregation.
fn cause() -> Document {
    let message = doc! { "$cond": [{ "$eq": [{ "$type": "$message" }, "string"] }, "$message", ""] };
    let branch = |(word, pieces): &(&str, &[&str])| {
        let pieces: Vec<String> = pieces.iter().map(|piece| literal(piece)).collect();
        let fits = doc! { "$regexMatch": { "input": &message, "regex": pieces.join("|"), "options": "i" } };
        doc! { "case": fits, "then": word }
    };
    let branches: Vec<Document> = CAUSES.iter().map(branch).collect();
    doc! { "$switch": { "branches": branches, "default": OTHER } }
}

/// A regular expression that matches this text alone.
fn literal(text: &str) -> String {
    let escaped = |ch: char| if ch.is_ascii_punctuation() { format!("\\{ch}") } else { ch.to_string() };
    text.chars().map(escaped).collect()
}

fn error_group(group: &Document) -> ErrorGroup {
    let key = group.get_document("_id").cloned().unwrap_or_default();
    let part = |name: &str| to_json::words(key.get(name));
    let newest = group.get_document("newest").ok();
    ErrorGroup {
        provider: part("provider"),
        model: part("model"),
        kind: part("kind"),
        cause: part("cause"),
        stage: part("stage"),
        fingerprint: part("fingerprint"),
        count: count(group),
        first: instant(group, "first"),
        last: instant(group, "last"),
        message: newest.and_then(|newest| to_json::words(newest.get("message"))),
        newest_model: newest.and_then(|newest| to_json::words(newest.get("model"))),
    }
}

/// A sum of ones, which the server returns as 32 or 64 bits.
fn count(group: &Document) -> u64 {
    let whole = match group.get("count") {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        _ => 0,
    };
    u64::try_from(whole).unwrap_or_default()
}

/// Successes by provider, or by provider and model.
pub async fn successes(
    shared: &MongoContext,
    scope: &HistoryFilter,
    by_model: bool,
    series: &[RunSeries],
) -> Result<Vec<Successes>, MongoCallError> {
    let mut all = Vec::new();
    for series in series {
        let found = aggregate(shared, runs_of(shared, *series), successes_pipeline(scope, by_model)).await?;
        all.extend(found.iter().map(|group| {
            let key = group.get_document("_id").cloned().unwrap_or_default();
            Successes {
                provider: to_json::words(key.get("provider")),
                model: to_json::words(key.get("model")),
                count: count(group),
                newest: instant(group, "newest"),
            }
        }));
    }
    Ok(all)
}

fn successes_pipeline(scope: &HistoryFilter, by_model: bool) -> Vec<Document> {
    let mut key = doc! { "provider": "$provider" };
    if by_model {
        key.insert("model", "$model_name");
    }
    let scope = HistoryFilter { fingerprint: None, ..scope.clone() };
    vec![
        doc! { "$match": filter(&scope, "run_ts") },
        doc! { "$group": { "_id": key, "count": { "$sum": 1 }, "newest": { "$max": "$run_ts" } } },
        doc! { "$limit": MOST_GROUPS as i64 },
    ]
}

pub(in crate::storage) fn runs_of(shared: &MongoContext, series: RunSeries) -> &str {
    match series {
        RunSeries::Published => &shared.names.cloud,
        RunSeries::Probe => &shared.names.cloud_probe,
    }
}

pub(in crate::storage) fn filter(scope: &HistoryFilter, time: &str) -> Document {
    let mut filter = Document::new();
    for (field, wanted) in
        [("provider", &scope.provider), ("model_name", &scope.model), ("fingerprint", &scope.fingerprint)]
    {
        if let Some(wanted) = wanted {
            filter.insert(field, doc! { "$eq": wanted });
        }
    }
    let mut range = Document::new();
    range.extend(scope.window.from.map(|from| ("$gte".to_owned(), date(from))));
    range.extend(scope.window.to.map(|to| ("$lt".to_owned(), date(to))));
    if !range.is_empty() {
        filter.insert(time, range);
    }
    filter
}

/// The newest errors, newest first.
pub async fn errors(
    shared: &MongoContext,
    scope: &HistoryFilter,
    limit: u32,
) -> Result<Vec<StoredRow>, MongoCallError> {
    page(shared, &shared.names.errors, filter(scope, "ts"), "ts", limit).await
}

/// The newest runs, newest first.
pub async fn runs(
    shared: &MongoContext,
    scope: &HistoryFilter,
    series: RunSeries,
    limit: u32,
) -> Result<Vec<StoredRow>, MongoCallError> {
    let scope = HistoryFilter { fingerprint: None, ..scope.clone() };
    page(shared, runs_of(shared, series), filter(&scope, "run_ts"), "run_ts", limit).await
}

async fn page(
    shared: &MongoContext,
    collection: &str,
    filter: Document,
    time: &str,
    limit: u32,
) -> Result<Vec<StoredRow>, MongoCallError> {
    let most = i64::from(limit.min(MOST_ROWS));
    let mut newest = Document::new();
    newest.insert(time, -1);
    let rows = shared.collection(collection);
    let find = rows.find(filter).sort(newest).limit(most);
    let mut cursor = find.allow_disk_use(false).max_time(PATIENCE).await.map_err(slow)?;
    let mut found = Vec::new();
    while cursor.advance().await.map_err(slow)? {
        found.push(to_json::document(cursor.current()));
    }
    Ok(found)
}

/// The run with this id, of either series.
pub async fn run(shared: &MongoContext, id: &str) -> Result<Option<StoredRow>, MongoCallError> {
    match one(shared, &shared.names.cloud, id).await? {
        Some(found) => Ok(Some(found)),
        None => one(shared, &shared.names.cloud_probe, id).await,
    }
}

pub async fn error(shared: &MongoContext, id: &str) -> Result<Option<StoredRow>, MongoCallError> {
    one(shared, &shared.names.errors, id).await
}

/// Our ids are texts, the Python runner's are the server's own.
async fn one(shared: &MongoContext, collection: &str, id: &str) -> Result<Option<StoredRow>, MongoCallError> {
    let mut ids = vec![Bson::String(id.to_owned())];
    ids.extend(ObjectId::parse_str(id).ok().map(Bson::ObjectId));
    let rows = shared.collection(collection);
    let find = rows.find_one(doc! { "_id": { "$in": ids } }).max_time(PATIENCE);
    Ok(find.await.map_err(slow)?.as_ref().map(to_json::fields))
}

/// Rollups whose fingerprint has this prefix.
pub async fn rollups(
    shared: &MongoContext,
    fingerprint: &str,
    limit: u32,
) -> Result<Vec<StoredRow>, MongoCallError> {
    let range = doc! { "$gte": fingerprint, "$lt": format!("{fingerprint}\u{10ffff}") };
    let collection = shared.collection(&shared.names.error_rollups);
    let find = collection.find(doc! { "fingerprint": range }).sort(doc! { "fingerprint": 1 });
    let mut cursor = find.limit(i64::from(limit)).max_time(PATIENCE).await.map_err(slow)?;
    let mut found = Vec::new();
    while cursor.advance().await.map_err(slow)? {
        found.push(to_json::document(cursor.current()));
    }
    Ok(found)
}

async fn aggregate(
    shared: &MongoContext,
    collection: &str,
    pipeline: Vec<Document>,
) -> Result<Vec<Document>, MongoCallError> {
    let rows = shared.collection(collection);
    let asked =
        rows.aggregate(pipeline).allow_disk_use(false).batch_size(MOST_GROUPS as u32).max_time(PATIENCE);
    let mut cursor = asked.await.map_err(slow)?;
    let mut found = Vec::new();
    while cursor.advance().await.map_err(slow)? {
        found.push(cursor.deserialize_current()?);
    }
    Ok(found)
}

/// Explains how to help if the server exceeded its limit of time or memory.
pub(in crate::storage) fn slow(error: Error) -> MongoCallError {
    match code(&error) {
        Some(TOO_SLOW | TOO_BIG) => StoreError::Unavailable(format!(
            "the question took more than {} s or too much of the server's memory: `llmbench db init` creates the indexes \
             that it needs; or ask about less, with --since or --provider",
            PATIENCE.as_secs()
        ))
        .into(),
        _ => error.into(),
    }
}
