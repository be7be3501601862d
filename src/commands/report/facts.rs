//! Reads what a report is made of: blocks of series, changes, calibrations, failures. Rows of days that are over are not
//! read again: their blocks are.

use crate::domain::series_block::{BlockFacts, day_of_slot, slot_of, slot_start};
use crate::domain::series_change::SeriesChange;
use crate::domain::window::moment;
use crate::domain::{ModelRef, Window};
use crate::measure::joined_change::is_withdrawn;
use crate::measure::ranking::circumstances::WantedCircumstances;
use crate::report::contents::facts::{BlockHistory, HistoryBlock, ReportFacts};
use crate::storage::history::{ErrorGranularity, HistoryFilter};
use crate::storage::series_blocks::{StoredSeries, first_unfinished};
use crate::storage::series_changes::ChangeFilter;
use crate::storage::{Store, StoreError};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashMap};

/// Series whose days are read at once: some megabytes.
const AT_ONCE: usize = 50;

/// What a report is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportQuery {
    /// A moment in the form of `--since`; a length counts back from the newest measurement.
    pub since: String,
    pub wanted: WantedCircumstances,
}

/// Why there are no facts.
#[derive(Debug, thiserror::Error)]
pub enum ReportFactsError {
    /// `--since` is no moment before the newest measurement.
    #[error("{0}")]
    Since(String),
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// A window of whole slots, without its end.
#[derive(Debug, Clone, Copy)]
struct SlotWindow {
    from: i64,
    to: i64,
}

impl ReportQuery {
    /// Reads the facts. `now` is the store's time, and matters where it holds no block at all.
    ///
    /// # Errors
    /// [`ReportFactsError`].
    pub async fn read(&self, store: &dyn Store, now: DateTime<Utc>) -> Result<ReportFacts, ReportFactsError> {
        let all = store.measured_series().await?;
        let newest = all.iter().map(|one| one.last_slot + 1).max();
        let window = self.window(newest.unwrap_or_else(|| first_unfinished(now)))?;
        let (from, as_of) = (slot_start(window.from), slot_start(window.to));
        Ok(ReportFacts {
            from,
            as_of,
            wanted: self.wanted.clone(),
            series: series(store, &all, window).await?,
            changes: changes(store, from, as_of).await?,
            calibrations: {
                let found = store.newest_calibrations(from).await?;
                found.iter().map(|kept| kept.summary()).collect()
            },
            failures: failures(store, from, as_of).await?,
        })
    }

    fn window(&self, to: i64) -> Result<SlotWindow, ReportFactsError> {
        let end = slot_start(to);
        let from = moment(&self.since, &end).map_err(ReportFactsError::Since)?;
        let from = slot_of(from.timestamp_millis());
        if from >= to {
            let (from, end) = (slot_start(from), end.format("%Y-%m-%d %H:%M UTC"));
            let from = from.format("%Y-%m-%d %H:%M UTC");
            let said = format!("the report begins ({from}) when the newest measurement is over ({end})");
            return Err(ReportFactsError::Since(said));
        }
        Ok(SlotWindow { from, to })
    }
}

async fn series(
    store: &dyn Store,
    all: &[StoredSeries],
    window: SlotWindow,
) -> Result<Vec<BlockHistory>, StoreError> {
    let mut alive: Vec<&StoredSeries> =
        all.iter().filter(|one| one.last_slot >= window.from && one.first_slot < window.to).collect();
    alive.sort_by(|one, other| one.series.cmp(&other.series));
    let mut found = Vec::with_capacity(alive.len());
    for some in alive.chunks(AT_ONCE) {
        let keys: Vec<String> = some.iter().map(|one| one.key.clone()).collect();
        let days = store.series_days(&keys, day_of_slot(window.from), day_of_slot(window.to) + 1).await?;
        let mut read: HashMap<String, (Vec<HistoryBlock>, BlockFacts)> = HashMap::new();
        for day in days {
            let blocks = day.columns.blocks(day.day);
            let of_series = read.entry(day.key).or_default();
            for block in blocks.into_iter().filter(|block| (window.from..window.to).contains(&block.slot)) {
                of_series.0.push(HistoryBlock::of(&block));
                if block.facts != BlockFacts::default() {
                    of_series.1 = block.facts;
                }
            }
        }
        found.extend(some.iter().filter_map(|one| {
            let (mut blocks, newest) = read.remove(&one.key)?;
            blocks.shrink_to_fit();
            (!blocks.is_empty()).then(|| BlockHistory {
                series: one.series.clone(),
                first_slot: one.first_slot,
                last_slot: one.last_slot,
                blocks,
                newest,
            })
        }));
    }
    Ok(found)
}

/// Changes that began in the window, and those that began before it and are open.
async fn changes(
    store: &dyn Store,
    from: DateTime<Utc>,
    as_of: DateTime<Utc>,
) -> Result<Vec<SeriesChange>, StoreError> {
    let wanted = ChangeFilter { since: Some(from), ..ChangeFilter::default() };
    let mut found = store.series_changes(&wanted).await?;
    found.retain(|change| !is_withdrawn(change));
    found.retain(|change| change.began.at < as_of && (change.began.latest >= from || change.is_open(as_of)));
    found.sort_by(|one, other| other.began.at.cmp(&one.began.at).then_with(|| one.id.cmp(&other.id)));
    Ok(found)
}

async fn failures(
    store: &dyn Store,
    from: DateTime<Utc>,
    as_of: DateTime<Utc>,
) -> Result<BTreeMap<ModelRef, BTreeMap<String, u64>>, StoreError> {
    let window = Window { from: Some(from), to: Some(as_of) };
    let scope = HistoryFilter { window, ..HistoryFilter::default() };
    let mut found: BTreeMap<ModelRef, BTreeMap<String, u64>> = BTreeMap::new();
    for group in store.error_groups(&scope, ErrorGranularity::Model).await? {
        let (Some(provider), Some(model)) = (group.provider, group.model) else { continue };
        let kind = group.kind.unwrap_or_else(|| "unknown".to_owned());
        *found.entry(ModelRef::new(provider, model)).or_default().entry(kind).or_default() += group.count;
    }
    Ok(found)
}
