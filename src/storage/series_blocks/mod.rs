//! Blocks of series: what the rows of 3 hours say together, one document for each series and UTC day ([`DayColumns`]).
//! Derived from rows when a slot has ended, and derived again where rows arrived later, because the number of rows of each
//! slot is kept beside. A store without blocks is filled in the same way, a day at a time.

mod block_row;
mod day_columns;
pub(super) mod mongo;
mod mongo_days;
mod row_blocks;
pub(super) mod sqlite;

pub use day_columns::DayColumns;

use crate::domain::digest::sha256_hex;
use crate::domain::series_block::{
    BlockOfSeries, HISTORY_DAYS, SLOTS_OF_DAY, SeriesBlock, day_of_slot, slot_of,
};
use crate::domain::series_change::MeasuredSeries;
use crate::storage::{Store, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;

/// Time after the end of a slot in which its rows are waited for.
pub const SLACK: TimeDelta = TimeDelta::minutes(10);

/// Digits of a series' key.
const KEY_DIGITS: usize = 16;

/// The key of a series: the same in every store and for ever.
pub fn series_key(series: &MeasuredSeries) -> String {
    let MeasuredSeries { model, runner, profile, connection } = series;
    let names = serde_json::json!([model.provider, model.model_id, runner, profile, connection]);
    sha256_hex(names.to_string())[..KEY_DIGITS].to_owned()
}

/// A series that has blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSeries {
    pub key: String,
    pub series: MeasuredSeries,
    /// The slots of its first and last block.
    pub first_slot: i64,
    pub last_slot: i64,
    /// Blocks with a sample of any figure.
    pub sampled_blocks: u64,
    /// The first slot of the blocks that were kept since somebody last looked for changes.
    pub changed_from: Option<i64>,
    /// Grows whenever blocks of the series are kept.
    pub revision: i64,
    /// Days with samples in the time that the last look looked at; `None` before the first one.
    pub judged_days: Option<u32>,
}

/// The blocks of a series and a day.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesDay {
    pub key: String,
    /// Days since 1970.
    pub day: i64,
    pub columns: DayColumns,
}

/// A slot as somebody derived it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DerivedCount {
    pub slot: i64,
    /// The rows that it was made of.
    pub rows: u64,
    /// Those of the derivation that it is to replace, as it was when the slot was found due.
    pub replaces: Option<u64>,
}

impl DerivedCount {
    /// True if it is at least as new as a derivation of so many rows. Rows are only ever added, so more rows are newer; where
    /// some were deleted, fewer are newer than what they replace.
    fn may_replace(&self, stored: Option<u64>) -> bool {
        stored.is_none_or(|then| then <= self.rows || stored == self.replaces)
    }
}

/// Blocks as stores keep them. Ranges of slots and days hold their first number and not their last.
#[async_trait]
pub trait SeriesBlockStore: Send + Sync {
    /// The slot of the oldest run.
    async fn oldest_slot(&self) -> Result<Option<i64>, StoreError>;

    /// The number of stored rows, runs and failures, of each slot that has any.
    async fn rows_by_slot(&self, from: i64, to: i64) -> Result<BTreeMap<i64, u64>, StoreError>;

    /// The number of rows that each derived slot had then.
    async fn derived_slots(&self, from: i64, to: i64) -> Result<BTreeMap<i64, u64>, StoreError>;

    /// Keeps the blocks of these slots of one day, in one step where the store can, the slots last. What another process
    /// derived from newer rows meanwhile stays. Series whose blocks became others are changed from then on.
    async fn keep_blocks(&self, slots: &[DerivedCount], blocks: &[BlockOfSeries]) -> Result<(), StoreError>;

    /// All series, by key.
    async fn measured_series(&self) -> Result<Vec<StoredSeries>, StoreError>;

    /// The days of these series, by key and day.
    async fn series_days(&self, keys: &[String], from: i64, to: i64) -> Result<Vec<SeriesDay>, StoreError>;

    /// Notes that changes were looked for in series as they were read, and their `judged_days`; one that has changed meanwhile
    /// stays changed.
    async fn looked_at(&self, series: &[StoredSeries]) -> Result<(), StoreError>;
}

/// The slots that are to be derived, oldest first, a day at a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DueBlocks {
    /// The slots of each day, with the rows of their last derivation.
    days: BTreeMap<i64, Vec<(i64, Option<u64>)>>,
}

impl DueBlocks {
    /// The slots that ended and were never derived, and those of the last `late_days` that have other rows than then.
    ///
    /// # Errors
    /// The store's.
    pub async fn find(store: &dyn Store, now: DateTime<Utc>, late_days: i64) -> Result<Self, StoreError> {
        let Some(oldest) = store.oldest_slot().await? else { return Ok(Self::default()) };
        let to = first_unfinished(now);
        let from = oldest.max(to - HISTORY_DAYS * SLOTS_OF_DAY);
        let derived = store.derived_slots(from, to).await?;
        let late_from = from.max(to - late_days * SLOTS_OF_DAY);
        // Nothing can have changed before a store has blocks.
        let rows = match derived.range(late_from..).next() {
            Some(_) => store.rows_by_slot(late_from, to).await?,
            None => BTreeMap::new(),
        };
        let is_due = |slot: &i64| match derived.get(slot) {
            None => true,
            Some(then) => *slot >= late_from && rows.get(slot).copied().unwrap_or(0) != *then,
        };
        let mut days: BTreeMap<i64, Vec<(i64, Option<u64>)>> = BTreeMap::new();
        for slot in (from..to).filter(is_due) {
            days.entry(day_of_slot(slot)).or_default().push((slot, derived.get(&slot).copied()));
        }
        Ok(Self { days })
    }

    pub fn days(&self) -> usize {
        self.days.len()
    }

    /// Derives the slots of the oldest day, and returns the number of their rows; `None` after the last one.
    ///
    /// # Errors
    /// The store's; the day is then still due.
    pub async fn derive_next(&mut self, store: &dyn Store) -> Result<Option<u64>, StoreError> {
        let Some((day, slots)) = self.days.first_key_value() else { return Ok(None) };
        let (day, mut counted, mut blocks) = (*day, Vec::new(), Vec::new());
        for (slot, replaces) in slots {
            let derived = row_blocks::derive(store, *slot).await?;
            counted.push(DerivedCount { slot: *slot, rows: derived.rows, replaces: *replaces });
            blocks.extend(derived.blocks);
        }
        store.keep_blocks(&counted, &blocks).await?;
        self.days.remove(&day);
        Ok(Some(counted.iter().map(|one| one.rows).sum()))
    }
}

/// The first slot whose rows may still be on their way.
pub fn first_unfinished(now: DateTime<Utc>) -> i64 {
    slot_of((now - SLACK).timestamp_millis())
}

/// A day of a series that is to be written.
struct DayWrite<'a> {
    key: &'a str,
    series: &'a MeasuredSeries,
    columns: DayColumns,
    /// The slots of the first and the last of the new blocks.
    slots: (i64, i64),
    /// Blocks with a sample that the day has more than before.
    new_samples: i64,
}

impl<'a> DayWrite<'a> {
    /// `None` if the day already says so.
    fn of(
        (key, (series, blocks)): (&'a String, &'a (&'a MeasuredSeries, Vec<SeriesBlock>)),
        day: i64,
        kept: Option<&DayColumns>,
    ) -> Option<Self> {
        let empty = DayColumns::default();
        let columns = kept.unwrap_or(&empty).with(day, blocks);
        if kept == Some(&columns) {
            return None;
        }
        let slots = blocks.iter().map(|block| block.slot);
        let slots = (slots.clone().min()?, slots.max()?);
        let new_samples = columns.sampled() - kept.map_or(0, DayColumns::sampled);
        Some(Self { key, series, columns, slots, new_samples })
    }
}

/// The blocks of these slots by the key of their series, sorted by key.
fn by_key<'a>(
    blocks: &'a [BlockOfSeries],
    slots: &[DerivedCount],
) -> BTreeMap<String, (&'a MeasuredSeries, Vec<SeriesBlock>)> {
    let mut found: BTreeMap<String, (&MeasuredSeries, Vec<SeriesBlock>)> = BTreeMap::new();
    let wanted = blocks.iter().filter(|one| slots.iter().any(|counted| counted.slot == one.block.slot));
    for BlockOfSeries { series, block } in wanted {
        found.entry(series_key(series)).or_insert_with(|| (series, Vec::new())).1.push(block.clone());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ModelRef;

    #[test]
    fn a_key_is_of_every_name_and_stays() {
        let series = |runner: Option<&str>, profile: Option<&str>| MeasuredSeries {
            model: ModelRef::new("groq", "m"),
            runner: runner.map(str::to_owned),
            profile: profile.map(str::to_owned),
            connection: None,
        };
        let keys = [series(None, None), series(Some("a"), None), series(None, Some("a"))]
            .map(|one| series_key(&one));
        assert_eq!(keys[0].len(), KEY_DIGITS);
        assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2], "{keys:?}");
        assert_eq!(keys[0], series_key(&series(None, None)));
    }

    #[test]
    fn a_derivation_gives_way_to_a_newer_one_alone() {
        let of = |rows: u64, replaces: Option<u64>| DerivedCount { slot: 7, rows, replaces };
        assert!(of(5, None).may_replace(None) && of(5, None).may_replace(Some(5)));
        assert!(of(6, Some(5)).may_replace(Some(5)) && !of(6, Some(5)).may_replace(Some(7)));
        assert!(of(3, Some(5)).may_replace(Some(5)), "rows were deleted");
        assert!(!of(3, Some(5)).may_replace(Some(6)), "rows were added meanwhile");
    }

    #[test]
    fn a_slot_is_finished_some_minutes_after_its_end() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (early, late) = (at("2026-11-24T15:09:59Z"), at("2026-11-24T15:10:00Z"));
        assert_eq!(first_unfinished(early) + 1, first_unfinished(late));
    }
}
