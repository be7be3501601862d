//! Remote runners in the heartbeats, and their keys, in MongoDB. Their posts are written like
//! all rows, by `bulk_insert`.

use super::ingest_keys::{Action, IngestKey};
use crate::storage::aggregates::PendingAggregates;
use crate::storage::mongo::bson::{date, natural};
use crate::storage::mongo::errors::{MongoCallError, is_duplicate};
use crate::storage::mongo::to_json::instant;
use crate::storage::mongo::{MongoContext, MongoStore, write_command};
use crate::storage::outcomes::document::{self, PackedRow, Row};
use crate::storage::outcomes::mongo_row::BsonRow;
use crate::storage::posts::ingest_keys::IngestKeyStore;
use crate::storage::posts::{PostStore, RunnerActivity};
use crate::storage::{RecordOutcome, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use std::sync::Arc;

#[async_trait]
impl PostStore for MongoStore {
    async fn keep_posted(
        &self,
        rows: Vec<PackedRow>,
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates) {
        let (sound, flaws) = document::sound(rows.into_iter().map(BsonRow::unpacked));
        let (kept, aggregates) = self.keep_rows(sound).await;
        (document::answers(flaws, Ok(kept)), aggregates)
    }

    fn pack(&self, row: Row) -> PackedRow {
        // What cannot be written is refused with the others' answers.
        BsonRow::of(&row).map_or(PackedRow::Fields(row), BsonRow::packed)
    }

    async fn catch_up(&self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller
            .patiently(async move { crate::storage::aggregates::mongo_backfill::catch_up(&shared).await })
            .await
    }

    async fn keep_runner_activity(&self, activities: &[RunnerActivity]) -> Result<(), StoreError> {
        let (shared, activities) = (Arc::clone(&self.shared), activities.to_vec());
        self.caller.call(async move { keep_activities(&shared, &activities).await }).await
    }
}

#[async_trait]
impl IngestKeyStore for MongoStore {
    async fn add_ingest_key(&self, key: &IngestKey) -> Result<(), StoreError> {
        let (shared, key) = (Arc::clone(&self.shared), key.clone());
        self.caller.call(async move { add_key(&shared, &key).await }).await
    }

    async fn ingest_keys(&self) -> Result<Vec<IngestKey>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { keys(&shared).await }).await
    }

    async fn limit_ingest_key(&self, id: &str, not_after: DateTime<Utc>) -> Result<bool, StoreError> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        self.caller.call(async move { limit_key(&shared, &id, not_after).await }).await
    }

    async fn revoke_ingest_key(&self, id: &str, by: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let (shared, id, by) = (Arc::clone(&self.shared), id.to_owned(), by.to_owned());
        self.caller.call(async move { revoke_key(&shared, &id, &by, at).await }).await
    }

    async fn used_ingest_keys(&self, uses: &[(String, DateTime<Utc>)]) -> Result<(), StoreError> {
        let (shared, uses) = (Arc::clone(&self.shared), uses.to_vec());
        self.caller.call(async move { used_keys(&shared, &uses).await }).await
    }
}

/// Stores activity of runners. Absent values keep the stored ones; an older report sets no time back.
pub async fn keep_activities(
    shared: &MongoContext,
    activities: &[RunnerActivity],
) -> Result<(), MongoCallError> {
    if activities.is_empty() {
        return Ok(());
    }
    let statements = || activities.iter().map(activity).collect();
    let heartbeats = &shared.names.scheduler_heartbeats;
    let mut answer = write_command::send(shared, heartbeats, statements()).await?;
    if !answer.refused.is_empty() {
        answer = write_command::send(shared, heartbeats, statements()).await?;
    }
    let why = answer.refused.into_iter().map(|refused| refused.why).next().or(answer.unconfirmed);
    why.map_or(Ok(()), |why| Err(StoreError::Unavailable(format!("a heartbeat is not kept: {why}")).into()))
}

fn activity(activity: &RunnerActivity) -> Document {
    let mut newest = doc! { "details.last_seen_at": date(activity.seen_at) };
    if let Some(at) = activity.stored_at {
        newest.insert("details.last_stored_at", date(at));
    }
    let said = activity.said().into_iter().map(|(name, value)| (format!("details.{name}"), natural(&value)));
    let mut said: Document = said.collect();
    said.insert("component", activity.component());
    doc! {
        "q": { "component": activity.component() },
        "u": {
            "$max": newest,
            "$set": said,
            "$currentDate": { "updated_at": true },
            "$setOnInsert": { "_id": activity.component() },
        },
        "upsert": true,
    }
}

pub async fn add_key(shared: &MongoContext, key: &IngestKey) -> Result<(), MongoCallError> {
    let at = |at: Option<DateTime<Utc>>| at.map_or(Bson::Null, date);
    let actions: Vec<&str> = key.actions.iter().map(|action| action.as_str()).collect();
    let row = doc! {
        "_id": &key.id,
        "label": &key.label,
        "runner": &key.runner,
        "sha256": &key.sha256,
        "scopes": { "providers": key.providers.clone(), "actions": actions },
        "not_before": at(key.not_before),
        "not_after": at(key.not_after),
        "created_at": date(key.created_at),
        "created_by": &key.created_by,
        "revoked_at": at(key.revoked_at),
        "revoked_by": key.revoked_by.as_deref(),
        "last_used_at": at(key.last_used_at),
    };
    match shared.collection(&shared.names.ingest_keys).insert_one(row).await {
        Err(error) if is_duplicate(&error) => {
            Err(StoreError::Conflict(format!("there is a key `{}` already", key.id)).into())
        }
        other => Ok(other.map(drop)?),
    }
}

/// Every key. A row that is no valid key is skipped, so that it lets nobody in.
pub async fn keys(shared: &MongoContext) -> Result<Vec<IngestKey>, MongoCallError> {
    let rows = shared.collection(&shared.names.ingest_keys);
    let mut cursor = rows.find(doc! {}).sort(doc! { "label": 1, "created_at": 1, "_id": 1 }).await?;
    let mut keys = Vec::new();
    while cursor.advance().await? {
        keys.extend(key(&cursor.deserialize_current()?));
    }
    Ok(keys)
}

fn key(row: &Document) -> Option<IngestKey> {
    let text = |name: &str| row.get_str(name).ok().map(str::to_owned);
    let scopes = row.get_document("scopes").ok()?;
    let words = |items: &[Bson]| -> Option<Vec<String>> {
        items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let providers = match scopes.get("providers") {
        Some(Bson::Null) => None,
        Some(Bson::Array(items)) => Some(words(items)?),
        _ => return None,
    };
    let actions = words(scopes.get_array("actions").ok()?)?;
    Some(IngestKey {
        id: text("_id")?,
        label: text("label")?,
        runner: text("runner")?,
        sha256: text("sha256")?,
        providers,
        // An action of a newer version allows nothing here.
        actions: actions.iter().filter_map(|word| Action::read(word)).collect(),
        not_before: limit(row, "not_before")?,
        not_after: limit(row, "not_after")?,
        created_at: instant(row, "created_at")?,
        created_by: text("created_by").unwrap_or_default(),
        revoked_at: limit(row, "revoked_at")?,
        revoked_by: text("revoked_by"),
        last_used_at: instant(row, "last_used_at"),
    })
}

/// Start or end of a key's validity: `None` for a value of another type, which makes the key invalid.
fn limit(row: &Document, name: &str) -> Option<Option<DateTime<Utc>>> {
    match row.get(name) {
        None | Some(Bson::Null) => Some(None),
        Some(_) => instant(row, name).map(Some),
    }
}

/// Ends a key's validity, unless it ends earlier.
pub async fn limit_key(
    shared: &MongoContext,
    id: &str,
    not_after: DateTime<Utc>,
) -> Result<bool, MongoCallError> {
    let end = doc! { "$min": ["$not_after", date(not_after)] };
    // `$min` in an expression ignores null, `$min` in an update does not.
    let found = with_key(shared, id, vec![doc! { "$set": { "not_after": end } }]).await?;
    Ok(found)
}

/// Revokes a key; the first time is kept.
pub async fn revoke_key(
    shared: &MongoContext,
    id: &str,
    by: &str,
    at: DateTime<Utc>,
) -> Result<bool, MongoCallError> {
    let first = doc! {
        "revoked_at": { "$ifNull": ["$revoked_at", date(at)] },
        "revoked_by": { "$ifNull": ["$revoked_by", { "$literal": by }] },
    };
    Ok(with_key(shared, id, vec![doc! { "$set": first }]).await?)
}

async fn with_key(shared: &MongoContext, id: &str, update: Vec<Document>) -> Result<bool, Error> {
    let keys = shared.collection(&shared.names.ingest_keys);
    Ok(keys.update_one(doc! { "_id": id }, update).await?.matched_count == 1)
}

/// Stores the last use of keys.
pub async fn used_keys(
    shared: &MongoContext,
    uses: &[(String, DateTime<Utc>)],
) -> Result<(), MongoCallError> {
    if uses.is_empty() {
        return Ok(());
    }
    let used = |(id, at): &(String, DateTime<Utc>)| doc! { "q": { "_id": id }, "u": { "$max": { "last_used_at": date(*at) } } };
    let statements = uses.iter().map(used).collect();
    write_command::send(shared, &shared.names.ingest_keys, statements).await?;
    Ok(())
}
