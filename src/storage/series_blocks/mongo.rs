//! Blocks of series in MongoDB: a document for each series and day, one for each series, one for each derived slot.

use super::mongo_days::keep_blocks;
use super::{DerivedCount, SeriesBlockStore, SeriesDay, StoredSeries};
use crate::domain::ModelRef;
use crate::domain::series_block::{BlockOfSeries, SLOT_MILLISECONDS, slot_of, slot_start};
use crate::domain::series_change::MeasuredSeries;
use crate::storage::StoreError;
use crate::storage::catalog::mongo::entries::BATCH;
use crate::storage::history::mongo::slow;
use crate::storage::lifecycle::mongo::PATIENCE;
use crate::storage::mongo::bson::{date, moment};
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::to_json::whole;
use crate::storage::mongo::{MongoContext, MongoStore, bulk_update};
use async_trait::async_trait;
use mongodb::bson::{self, Bson, Document, doc};
use std::collections::BTreeMap;
use std::sync::Arc;

#[async_trait]
impl SeriesBlockStore for MongoStore {
    async fn oldest_slot(&self) -> Result<Option<i64>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { oldest_slot(&shared).await }).await
    }

    async fn rows_by_slot(&self, from: i64, to: i64) -> Result<BTreeMap<i64, u64>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.patiently(async move { rows_by_slot(&shared, from, to).await }).await
    }

    async fn derived_slots(&self, from: i64, to: i64) -> Result<BTreeMap<i64, u64>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { derived_slots(&shared, from, to).await }).await
    }

    async fn keep_blocks(&self, slots: &[DerivedCount], blocks: &[BlockOfSeries]) -> Result<(), StoreError> {
        let (shared, slots, blocks) = (Arc::clone(&self.shared), slots.to_vec(), blocks.to_vec());
        self.caller.patiently(async move { keep_blocks(&shared, &slots, &blocks).await }).await
    }

    async fn measured_series(&self) -> Result<Vec<StoredSeries>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.patiently(async move { measured_series(&shared).await }).await
    }

    async fn series_days(&self, keys: &[String], from: i64, to: i64) -> Result<Vec<SeriesDay>, StoreError> {
        let (shared, keys) = (Arc::clone(&self.shared), keys.to_vec());
        self.caller.patiently(async move { series_days(&shared, &keys, from, to).await }).await
    }

    async fn looked_at(&self, series: &[StoredSeries]) -> Result<(), StoreError> {
        let (shared, series) = (Arc::clone(&self.shared), series.to_vec());
        let note = |one: &StoredSeries| {
            let seen = doc! { "_id": &one.key, "revision": one.revision };
            let mut update = doc! { "$unset": { "changed_from": "" } };
            if let Some(days) = one.judged_days {
                update.insert("$set", doc! { "judged_days": i64::from(days) });
            }
            Some(doc! { "q": seen, "u": update })
        };
        let keep = async move { bulk_update::in_batches(&shared, &shared.names.series, &series, note).await };
        self.caller.patiently(keep).await
    }
}

async fn oldest_slot(shared: &MongoContext) -> Result<Option<i64>, MongoCallError> {
    let mut oldest: Option<i64> = None;
    for name in [&shared.names.cloud, &shared.names.cloud_probe] {
        let rows = shared.collection(name);
        let dated = doc! { "run_ts": { "$type": "date" } };
        let find = rows
            .find_one(dated)
            .sort(doc! { "run_ts": 1, "_id": 1 })
            .projection(doc! { "_id": 0, "run_ts": 1 });
        let at = find
            .max_time(PATIENCE)
            .await
            .map_err(slow)?
            .and_then(|row| moment(*row.get_datetime("run_ts").ok()?));
        let slot = at.map(|at| slot_of(at.timestamp_millis()));
        oldest = [oldest, slot].into_iter().flatten().min();
    }
    Ok(oldest)
}

async fn rows_by_slot(
    shared: &MongoContext,
    from: i64,
    to: i64,
) -> Result<BTreeMap<i64, u64>, MongoCallError> {
    let names = &shared.names;
    let mut found: BTreeMap<i64, u64> = BTreeMap::new();
    for (name, time) in [(&names.cloud, "run_ts"), (&names.cloud_probe, "run_ts"), (&names.errors, "ts")] {
        let range = doc! { "$gte": date(slot_start(from)), "$lt": date(slot_start(to)) };
        let number = doc! { "$floor": { "$divide": [{ "$toLong": format!("${time}") }, SLOT_MILLISECONDS] } };
        let mut matching = Document::new();
        matching.insert(time, range);
        let stages = [
            doc! { "$match": matching },
            doc! { "$group": { "_id": { "$toLong": number }, "count": { "$sum": 1 } } },
        ];
        let rows = shared.collection(name);
        let mut cursor = rows.aggregate(stages).batch_size(BATCH).max_time(PATIENCE).await.map_err(slow)?;
        while cursor.advance().await.map_err(slow)? {
            let group: Document = cursor.deserialize_current()?;
            if let (Some(slot), Some(count)) = (whole(&group, "_id"), whole(&group, "count")) {
                *found.entry(slot).or_default() += u64::try_from(count).unwrap_or(0);
            }
        }
    }
    Ok(found)
}

async fn derived_slots(
    shared: &MongoContext,
    from: i64,
    to: i64,
) -> Result<BTreeMap<i64, u64>, MongoCallError> {
    let slots = shared.collection(&shared.names.series_slots);
    let mut cursor = slots.find(doc! { "_id": { "$gte": from, "$lt": to } }).batch_size(BATCH).await?;
    let mut found = BTreeMap::new();
    while cursor.advance().await? {
        let row: Document = cursor.deserialize_current()?;
        if let (Some(slot), Some(rows)) = (whole(&row, "_id"), whole(&row, "rows")) {
            found.insert(slot, u64::try_from(rows).unwrap_or(0));
        }
    }
    Ok(found)
}

async fn measured_series(shared: &MongoContext) -> Result<Vec<StoredSeries>, MongoCallError> {
    let rows = shared.collection(&shared.names.series);
    let mut cursor = rows.find(doc! {}).sort(doc! { "_id": 1 }).batch_size(BATCH).await?;
    let mut found = Vec::new();
    while cursor.advance().await? {
        found.extend(stored_series(&cursor.deserialize_current()?));
    }
    Ok(found)
}

fn stored_series(row: &Document) -> Option<StoredSeries> {
    let text = |name: &str| row.get_str(name).ok().map(str::to_owned);
    Some(StoredSeries {
        key: text("_id")?,
        series: MeasuredSeries {
            model: ModelRef::new(text("provider")?, text("model_id")?),
            runner: text("runner"),
            profile: text("profile"),
            connection: text("connection"),
        },
        first_slot: whole(row, "first_slot")?,
        last_slot: whole(row, "last_slot")?,
        sampled_blocks: whole(row, "sampled_blocks").and_then(|count| u64::try_from(count).ok()).unwrap_or(0),
        changed_from: whole(row, "changed_from"),
        revision: whole(row, "revision").unwrap_or(0),
        judged_days: whole(row, "judged_days").and_then(|days| u32::try_from(days).ok()),
    })
}

async fn series_days(
    shared: &MongoContext,
    keys: &[String],
    from: i64,
    to: i64,
) -> Result<Vec<SeriesDay>, MongoCallError> {
    let mut found = Vec::new();
    each_day(shared, keys, (from, to), |row| {
        let (Some(Bson::String(key)), Some(day)) = (row.get("series").cloned(), whole(&row, "day")) else {
            return;
        };
        // A damaged day is passed over: nobody but this program writes them, and they can be derived again.
        if let Ok(columns) = bson::deserialize_from_document(row) {
            found.push(SeriesDay { key, day, columns });
        }
    })
    .await?;
    Ok(found)
}

/// Gives the documents of these series from one day to before another, by key and day.
pub(super) async fn each_day(
    shared: &MongoContext,
    keys: &[String],
    (from, to): (i64, i64),
    mut take: impl FnMut(Document),
) -> Result<(), MongoCallError> {
    let days = shared.collection(&shared.names.series_blocks);
    let wanted = doc! { "series": { "$in": keys.to_vec() }, "day": { "$gte": from, "$lt": to } };
    let find = days.find(wanted).sort(doc! { "series": 1, "day": 1 }).batch_size(BATCH);
    let mut cursor = find.max_time(PATIENCE).await.map_err(slow)?;
    while cursor.advance().await.map_err(slow)? {
        take(cursor.deserialize_current()?);
    }
    Ok(())
}
