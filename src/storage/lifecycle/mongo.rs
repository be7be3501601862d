//! Facts about models, and their lifecycle, in MongoDB.

use super::{FailureCounts, LifecycleStore, ListedTimes, ModelStatus};
use crate::domain::ModelRef;
use crate::domain::failure::FailureKind;
use crate::domain::model_lifecycle::{HARD_KINDS, LifecycleFacts};
use crate::storage::StoreError;
use crate::storage::aggregates::mongo::published;
use crate::storage::catalog::mongo::entries::{self, BATCH};
use crate::storage::catalog::mongo::work_list;
use crate::storage::history::HistoryFilter;
use crate::storage::history::mongo::{filter, slow};
use crate::storage::mongo::bson::date;
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::to_json::{instant, whole};
use crate::storage::mongo::{MongoContext, MongoStore, bulk_update};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use mongodb::bson::{Bson, Document, doc};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Longest time of the server for one count: the first one of a large history reads months of an index.
pub(in crate::storage) const PATIENCE: Duration = Duration::from_secs(300);

#[async_trait]
impl LifecycleStore for MongoStore {
    async fn lifecycle_entries(&self) -> Result<Vec<LifecycleFacts>, StoreError> {
        let shared = Arc::clone(&self.shared);
        let fields = [
            "provider",
            "model_id",
            "enabled",
            "deprecated",
            "status",
            "display_name",
            "disabled_reason",
            "disabled_class",
            "deprecation_reason",
            "deprecation_date",
        ];
        let fields: Document = fields.map(|name| (name.to_owned(), Bson::Int32(1))).into_iter().collect();
        self.caller.call(async move { entries::those(&shared, doc! {}, Some(fields)).await }).await
    }

    async fn success_counts(&self, scope: &HistoryFilter) -> Result<Vec<(ModelRef, u32)>, StoreError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        self.caller.patiently(async move { success_counts(&shared, &scope).await }).await
    }

    async fn failure_counts(
        &self,
        scope: &HistoryFilter,
    ) -> Result<Vec<(ModelRef, FailureCounts)>, StoreError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        self.caller.patiently(async move { failure_counts(&shared, &scope).await }).await
    }

    async fn listed_times(&self, model: Option<&ModelRef>) -> Result<ListedTimes, StoreError> {
        let (shared, model) = (Arc::clone(&self.shared), model.cloned());
        self.caller.call(async move { listed_times(&shared, model.as_ref()).await }).await
    }

    async fn keep_model_status(&self, statuses: &[ModelStatus]) -> Result<(), StoreError> {
        let (shared, statuses) = (Arc::clone(&self.shared), statuses.to_vec());
        self.caller.patiently(async move { keep_model_status(&shared, &statuses).await }).await
    }
}

async fn grouped(
    shared: &MongoContext,
    collection: &str,
    stages: Vec<Document>,
) -> Result<Vec<(ModelRef, Document)>, MongoCallError> {
    let rows = shared.collection(collection);
    let asked = rows.aggregate(stages).allow_disk_use(true).batch_size(BATCH).max_time(PATIENCE);
    let mut cursor = asked.await.map_err(slow)?;
    let mut found = Vec::new();
    while cursor.advance().await.map_err(slow)? {
        let group: Document = cursor.deserialize_current()?;
        let model = group.get_document("_id").ok().and_then(|key| {
            Some(ModelRef::new(key.get_str("provider").ok()?, key.get_str("model_name").ok()?))
        });
        found.extend(model.map(|model| (model, group)));
    }
    Ok(found)
}

fn key() -> Document {
    doc! { "provider": "$provider", "model_name": "$model_name" }
}

fn count(group: &Document, name: &str) -> u32 {
    whole(group, name).and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}

async fn success_counts(
    shared: &MongoContext,
    scope: &HistoryFilter,
) -> Result<Vec<(ModelRef, u32)>, MongoCallError> {
    let group = doc! { "_id": key(), "runs": { "$sum": 1 } };
    let stages = vec![doc! { "$match": filter(scope, "run_ts") }, doc! { "$group": group }];
    let found = grouped(shared, &shared.names.cloud, stages).await?;
    Ok(found.into_iter().map(|(model, group)| (model, count(&group, "runs"))).collect())
}

async fn failure_counts(
    shared: &MongoContext,
    scope: &HistoryFilter,
) -> Result<Vec<(ModelRef, FailureCounts)>, MongoCallError> {
    let hard: Vec<&str> = HARD_KINDS.into_iter().map(FailureKind::as_str).collect();
    let is_hard = doc! { "$cond": [{ "$in": ["$error_kind", hard] }, 1, 0] };
    let mut matching = filter(scope, "ts");
    matching.extend(published(shared));
    let group = doc! { "_id": key(), "errors": { "$sum": 1 }, "hard": { "$sum": is_hard } };
    let stages = vec![doc! { "$match": matching }, doc! { "$group": group }];
    let found = grouped(shared, &shared.names.errors, stages).await?;
    let counts =
        |group: &Document| FailureCounts { errors: count(group, "errors"), hard: count(group, "hard") };
    Ok(found.into_iter().map(|(model, group)| (model, counts(&group))).collect())
}

async fn listed_times(shared: &MongoContext, only: Option<&ModelRef>) -> Result<ListedTimes, MongoCallError> {
    let wanted = only
        .map(|model| doc! { "provider": &model.provider, "model_id": &model.model_id })
        .unwrap_or_default();
    let fields = doc! { "_id": 0, "provider": 1, "model_id": 1, "last_seen_at": 1 };
    let rows = shared.collection(&shared.names.provider_catalog);
    let mut cursor = rows.find(wanted).projection(fields).batch_size(BATCH).await?;
    let mut times = ListedTimes::default();
    while cursor.advance().await? {
        let row: Document = cursor.deserialize_current()?;
        times.seen.extend(work_list::model(&row).zip(instant(&row, "last_seen_at")));
    }
    let stages = [
        doc! { "$match": { "status": "completed", "pagination_complete": true } },
        doc! { "$group": { "_id": "$provider", "at": { "$max": "$started_at" } } },
    ];
    let mut cursor = shared.collection(&shared.names.discovery_runs).aggregate(stages).await?;
    while cursor.advance().await? {
        let group: Document = cursor.deserialize_current()?;
        let provider = group.get_str("_id").ok().map(str::to_owned);
        times.reads.extend(provider.zip(instant(&group, "at")));
    }
    Ok(times)
}

/// The ids of the documents that exist and when they were written, under the Python runner's key: provider and model. No
/// index has that key, so an upsert by it would read the collection once for each model.
pub(in crate::storage) async fn known(
    shared: &MongoContext,
) -> Result<HashMap<ModelRef, (Bson, Option<DateTime<Utc>>)>, MongoCallError> {
    let rows = shared.collection(&shared.names.model_status);
    let fields = doc! { "provider": 1, "model_id": 1, "computed_at": 1 };
    let mut cursor = rows.find(doc! {}).projection(fields).batch_size(BATCH).await?;
    let mut known = HashMap::new();
    while cursor.advance().await? {
        let row: Document = cursor.deserialize_current()?;
        if let Some((model, id)) = work_list::model(&row).zip(row.get("_id").cloned()) {
            known.insert(model, (id, instant(&row, "computed_at")));
        }
    }
    Ok(known)
}

/// Stores the status of models. Fields of other writers stay.
async fn keep_model_status(shared: &MongoContext, statuses: &[ModelStatus]) -> Result<(), MongoCallError> {
    if statuses.is_empty() {
        return Ok(());
    }
    let mut known = known(shared).await?;
    let update = |status: &ModelStatus| {
        let (id, computed_at) =
            known.remove(&status.model).unwrap_or_else(|| (Bson::String(status.model.to_string()), None));
        let is_newer = computed_at.is_none_or(|at| at <= status.computed_at);
        is_newer.then(|| doc! { "q": { "_id": id }, "u": { "$set": document(status) }, "upsert": true })
    };
    bulk_update::in_batches(shared, &shared.names.model_status, statuses, update).await
}

/// The fields of a status in the types of the data contract.
fn document(status: &ModelStatus) -> Document {
    let integer = |count: u32| Bson::Int32(i32::try_from(count).unwrap_or(i32::MAX));
    let mut metrics: Document =
        status.counts().into_iter().map(|(name, count)| (name.to_owned(), integer(count))).collect();
    metrics.insert("last_success", status.last_success_at.map(date));
    doc! {
        "provider": &status.model.provider,
        "model_id": &status.model.model_id,
        "status": status.judged.state.as_str(),
        "computed_at": date(status.computed_at),
        "reasons": &status.judged.reasons,
        "confidence": status.judged.confidence,
        "recommended_actions": &status.judged.recommended_actions,
        "catalog_state": status.listed.as_str(),
        "display_name": &status.display_name,
        "metrics": metrics,
    }
}
