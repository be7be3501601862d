//! Writes blocks to MongoDB, which has no transaction here: several processes may derive the same day at once, and what is
//! derived from older rows must not replace what is derived from newer ones. Each document of a day has a version, and is
//! replaced only by who has read that version; and it says how many rows each of its slots was made of.

use super::mongo::each_day;
use super::{DayColumns, DayWrite, DerivedCount, by_key};
use crate::domain::series_block::{BlockOfSeries, SeriesBlock, day_of_slot};
use crate::domain::series_change::MeasuredSeries;
use crate::storage::StoreError;
use crate::storage::mongo::bson::date;
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::to_json::whole;
use crate::storage::mongo::{MongoContext, bulk_update};
use chrono::Utc;
use mongodb::bson::{self, Bson, Document, doc};
use mongodb::error::Error;
use std::collections::{BTreeMap, HashMap};

/// Keys in one filter.
const KEYS_AT_ONCE: usize = 500;

/// Attempts to replace documents that other processes write as well.
const ATTEMPTS: usize = 20;

/// The fields of a day beside its columns: its version, and the rows of its slots by their numbers.
const VERSION: &str = "version";
const ROWS: &str = "rows_by_slot";

type BlocksToKeep<'a> = BTreeMap<String, (&'a MeasuredSeries, Vec<SeriesBlock>)>;

/// A day as it is stored.
struct StoredDay {
    columns: DayColumns,
    version: Option<i64>,
    rows: Document,
}

impl StoredDay {
    fn of(row: Document) -> Option<(String, Self)> {
        let key = row.get_str("series").ok()?.to_owned();
        let version = whole(&row, VERSION);
        let rows = row.get_document(ROWS).cloned().unwrap_or_default();
        // A damaged day is made anew.
        let columns = bson::deserialize_from_document(row).unwrap_or_default();
        Some((key, Self { columns, version, rows }))
    }

    /// The rows that a slot was made of here; older versions did not write it.
    fn rows_of(&self, slot: i64) -> Option<u64> {
        u64::try_from(whole(&self.rows, &slot.to_string())?).ok()
    }
}

pub(super) async fn keep_blocks(
    shared: &MongoContext,
    slots: &[DerivedCount],
    blocks: &[BlockOfSeries],
) -> Result<(), MongoCallError> {
    let Some(day) = slots.first().map(|one| day_of_slot(one.slot)) else { return Ok(()) };
    let mut left: BlocksToKeep<'_> = by_key(blocks, slots);
    for _ in 0..ATTEMPTS {
        left = keep_days(shared, (day, slots), left).await?;
        if left.is_empty() {
            return keep_slots(shared, slots).await;
        }
    }
    let text = "other processes write the same blocks of series all the time";
    Err(StoreError::Unavailable(text.to_owned()).into())
}

/// Replaces the days of these series, and returns the blocks of those that another process replaced meanwhile.
async fn keep_days<'a>(
    shared: &MongoContext,
    (day, slots): (i64, &[DerivedCount]),
    mut all: BlocksToKeep<'a>,
) -> Result<BlocksToKeep<'a>, MongoCallError> {
    let kept = stored(shared, day, &all).await?;
    leave_newer(&mut all, &kept, slots);
    let (mut written, mut days, mut marks) = (Vec::new(), Vec::new(), Vec::new());
    for one in &all {
        let stored = kept.get(one.0);
        let Some(write) = DayWrite::of(one, day, stored.map(|stored| &stored.columns)) else { continue };
        days.push(replacement(&write, stored, (day, slots), &one.1.1)?);
        marks.push((mark(&write, 0), mark(&write, write.new_samples)));
        written.push(one.0.clone());
    }
    // Series are marked before, because after a crash equal blocks are not marked again, and after, because somebody may
    // have looked meanwhile. Slots come last: where a step fails, all of it is done again.
    let (before, after): (Vec<Document>, Vec<Document>) = marks.into_iter().unzip();
    let names = &shared.names;
    bulk_update::update(shared, &names.series, &before).await?;
    let lost = bulk_update::guarded(shared, &names.series_blocks, &days).await?;
    let is_lost = |number: &usize| lost.binary_search(number).is_ok();
    let after: Vec<Document> =
        after.into_iter().enumerate().filter(|(number, _)| !is_lost(number)).map(|(_, mark)| mark).collect();
    bulk_update::update(shared, &names.series, &after).await?;
    let lost: Vec<&String> = lost.iter().filter_map(|number| written.get(*number)).collect();
    all.retain(|key, _| lost.contains(&key));
    Ok(all)
}

/// The days of these series, by key.
async fn stored(
    shared: &MongoContext,
    day: i64,
    all: &BlocksToKeep<'_>,
) -> Result<HashMap<String, StoredDay>, MongoCallError> {
    let keys: Vec<String> = all.keys().cloned().collect();
    let mut kept = HashMap::new();
    for some in keys.chunks(KEYS_AT_ONCE) {
        each_day(shared, some, (day, day + 1), |row| kept.extend(StoredDay::of(row))).await?;
    }
    Ok(kept)
}

/// Drops the blocks that are stored as another process made them of newer rows.
fn leave_newer(all: &mut BlocksToKeep<'_>, kept: &HashMap<String, StoredDay>, slots: &[DerivedCount]) {
    for (key, (_, blocks)) in all.iter_mut() {
        let Some(stored) = kept.get(key) else { continue };
        let counted = |slot: i64| slots.iter().find(|one| one.slot == slot);
        blocks.retain(|block| {
            counted(block.slot).is_some_and(|one| one.may_replace(stored.rows_of(block.slot)))
        });
    }
    all.retain(|_, (_, blocks)| !blocks.is_empty());
}

/// The statement that replaces a day if it is still the one that was read.
fn replacement(
    write: &DayWrite<'_>,
    stored: Option<&StoredDay>,
    (day, slots): (i64, &[DerivedCount]),
    blocks: &[SeriesBlock],
) -> Result<Document, MongoCallError> {
    let mut rows = stored.map(|stored| stored.rows.clone()).unwrap_or_default();
    for one in slots.iter().filter(|one| blocks.iter().any(|block| block.slot == one.slot)) {
        rows.insert(one.slot.to_string(), i64::try_from(one.rows).unwrap_or(i64::MAX));
    }
    let version = stored.and_then(|stored| stored.version);
    let mut row = bson::serialize_to_document(&write.columns).map_err(Error::from)?;
    row.extend(doc! { "series": write.key, "day": day, VERSION: version.unwrap_or(0) + 1, ROWS: rows });
    // A document of another version does not match, and a second one of its id cannot be inserted.
    let read = doc! { "_id": day_id(write.key, day), VERSION: version.map_or(Bson::Null, Bson::Int64) };
    Ok(doc! { "q": read, "u": row, "upsert": true })
}

/// Notes how many rows each slot was made of, unless another process made it of newer ones.
async fn keep_slots(shared: &MongoContext, slots: &[DerivedCount]) -> Result<(), MongoCallError> {
    let count = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
    let derived: Vec<Document> = slots
        .iter()
        .map(|one| {
            let mut older = vec![doc! { "rows": { "$lte": count(one.rows) } }];
            older.extend(one.replaces.map(|rows| doc! { "rows": count(rows) }));
            let row = doc! { "rows": count(one.rows), "derived_at": date(Utc::now()) };
            doc! { "q": { "_id": one.slot, "$or": older }, "u": { "$set": row }, "upsert": true }
        })
        .collect();
    bulk_update::guarded(shared, &shared.names.series_slots, &derived).await?;
    Ok(())
}

/// A day of a series under its names in the collection.
fn day_id(key: &str, day: i64) -> String {
    format!("{key}:{day}")
}

fn mark(write: &DayWrite<'_>, new_samples: i64) -> Document {
    let MeasuredSeries { model, runner, profile, connection } = write.series;
    let (first, last) = write.slots;
    let names = doc! { "provider": &model.provider, "model_id": &model.model_id, "runner": runner.as_deref(),
    "profile": profile.as_deref(), "connection": connection.as_deref() };
    let update = doc! { "$setOnInsert": names, "$min": { "changed_from": first, "first_slot": first },
    "$max": { "last_slot": last }, "$inc": { "revision": 1_i64, "sampled_blocks": new_samples } };
    doc! { "q": { "_id": write.key }, "u": update, "upsert": true }
}
