//! The look for changes: series whose blocks became others since the last look, their figures and facts through the
//! detectors, and what these found joined to what is stored. Blocks must be up to date.

use super::evidence::EvidenceReader;
use super::level_cache::{LevelCache, SeriesLevels};
use crate::domain::canary::CANARY_PROFILE;
use crate::domain::series_block::{HISTORY_DAYS, SLOTS_OF_DAY, day_of_slot, slot_start};
use crate::domain::series_change::{SAME_TIME, SeriesChange, WatchedFigure};
use crate::measure::canary_answer::{ANSWER_LOGPROBS, ANSWER_TEXT};
use crate::measure::change_cause::{attributed, pages, waits_for_others};
use crate::measure::joined_change::{with_free_id, with_return};
use crate::measure::level_shift::{ShiftSettings, find_shifts_since};
use crate::measure::shift_changes::LookedFigure;
use crate::measure::swap::lengths::find_length_swaps;
use crate::measure::swap::logprobs::find_logprob_swaps;
use crate::measure::swap::{FoundSwap, LENGTH_FACT, SwapRule, find_swaps};
use crate::measure::swap_changes::{LookedFact, settled_from};
use crate::storage::series_blocks::{SeriesDay, StoredSeries, first_unfinished};
use crate::storage::series_changes::ChangeFilter;
use crate::storage::{Store, StoreError};
use chrono::{DateTime, SubsecRound, Utc};
use std::collections::{BTreeMap, HashMap, HashSet};
use tokio::task::JoinHandle;

/// Series whose history is read at once.
const SERIES_AT_ONCE: usize = 100;

/// The same of series of which only new blocks are read.
const KNOWN_AT_ONCE: usize = 5_000;

/// What a look did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LookReport {
    /// Series that were looked at.
    pub series: usize,
    /// Changes that are new.
    pub new: Vec<SeriesChange>,
    /// Changes that are over since this look.
    pub ended: Vec<SeriesChange>,
    /// All changes that were written, those among them.
    pub written: usize,
}

/// Looks for changes in series that have other blocks than at the last look, and keeps what it finds.
///
/// # Errors
/// The store's. What was not looked at stays to be looked at.
pub async fn look(
    store: &dyn Store,
    now: DateTime<Utc>,
    cache: &mut LevelCache,
) -> Result<LookReport, StoreError> {
    let all = store.measured_series().await?;
    let mut changed: Vec<StoredSeries> =
        all.iter().filter(|one| one.changed_from.is_some()).cloned().collect();
    if changed.is_empty() {
        return Ok(LookReport::default());
    }
    let stored = store.series_changes(&ChangeFilter::default()).await?;
    let to = first_unfinished(now);
    let (known, others): (Vec<_>, Vec<_>) =
        changed.iter().map(|one| (one.clone(), cache.take(one))).partition(|(_, levels)| levels.is_some());
    let (mut found, mut working, mut days) = (Vec::new(), None::<JoinHandle<LookedSeries>>, HashMap::new());
    for (series, at_once) in [(known, KNOWN_AT_ONCE), (others, SERIES_AT_ONCE)] {
        let mut series = series.into_iter().peekable();
        while series.peek().is_some() {
            // The next ones are read while these are looked at.
            let next = look_at(store, series.by_ref().take(at_once).collect(), &stored, to).await?;
            if let Some(before) = working.replace(next) {
                found.extend(finished(before, cache, &mut days).await?);
            }
        }
    }
    if let Some(last) = working {
        found.extend(finished(last, cache, &mut days).await?);
    }
    changed.iter_mut().for_each(|one| one.judged_days = days.get(&one.key).copied().or(one.judged_days));
    let mut report = LookReport { series: changed.len(), ..LookReport::default() };
    let found = beside_stored(found, &stored, now.trunc_subsecs(3));
    let written = explained(store, &all, &stored, found, to).await?;
    if !written.is_empty() {
        store.keep_changes(&written).await?;
        report.tell(&stored, written);
    }
    store.looked_at(&changed).await?;
    cache.retain(&all, to - HISTORY_DAYS * SLOTS_OF_DAY);
    Ok(report)
}

impl LookReport {
    fn tell(&mut self, stored: &[SeriesChange], written: Vec<SeriesChange>) {
        let before: HashMap<&str, &SeriesChange> = stored.iter().map(|one| (one.id.as_str(), one)).collect();
        self.written = written.len();
        for change in written {
            match before.get(change.id.as_str()) {
                None => self.new.push(change),
                Some(before) if before.ended.is_none() && change.ended.is_some() => self.ended.push(change),
                Some(_) => {}
            }
        }
    }
}

/// What a look at some series found, and their levels.
struct LookedSeries {
    found: Vec<SeriesChange>,
    levels: Vec<(String, SeriesLevels)>,
    /// Days with samples that were looked at, by the key of the series.
    days: Vec<(String, u32)>,
}

async fn finished(
    working: JoinHandle<LookedSeries>,
    cache: &mut LevelCache,
    days: &mut HashMap<String, u32>,
) -> Result<Vec<SeriesChange>, StoreError> {
    let looked = working.await;
    let looked = looked.map_err(|error| StoreError::Broken(format!("the look for changes: {error}")))?;
    days.extend(looked.days);
    looked.levels.into_iter().for_each(|(key, levels)| cache.keep(key, levels));
    Ok(looked.found)
}

/// Reads the blocks of these series, and begins to look for changes that are new or became others. The arithmetic runs on
/// a thread of its own, so that nothing else of the process waits for it.
async fn look_at(
    store: &dyn Store,
    series: Vec<(StoredSeries, Option<SeriesLevels>)>,
    stored: &[SeriesChange],
    to: i64,
) -> Result<JoinHandle<LookedSeries>, StoreError> {
    let from = move |levels: &Option<SeriesLevels>| match levels {
        Some(levels) => levels.through(),
        None => to - HISTORY_DAYS * SLOTS_OF_DAY,
    };
    let first = series.iter().map(|(_, levels)| from(levels)).min().unwrap_or(to);
    let keys: Vec<String> = series.iter().map(|(one, _)| one.key.clone()).collect();
    let days = store.series_days(&keys, day_of_slot(first), day_of_slot(to) + 1).await?;
    let these: HashSet<_> = series.iter().map(|(one, _)| &one.series).collect();
    let of_these: Vec<SeriesChange> =
        stored.iter().filter(|change| these.contains(&change.series)).cloned().collect();
    let work = move || {
        let mut by_key: BTreeMap<&str, Vec<&SeriesDay>> = BTreeMap::new();
        days.iter().for_each(|day| by_key.entry(&day.key).or_default().push(day));
        let (mut found, mut kept, mut judged) = (Vec::new(), Vec::new(), Vec::new());
        for (one, levels) in series {
            let first = from(&levels);
            let mut levels = levels.unwrap_or_default();
            levels.add(by_key.remove(one.key.as_str()).unwrap_or_default().into_iter(), first, to);
            found.extend(changed(&one, &levels, &of_these, to));
            judged.push((one.key.clone(), levels.days(to)));
            kept.push((one.key, levels));
        }
        LookedSeries { found, levels: kept, days: judged }
    };
    Ok(tokio::task::spawn_blocking(work))
}

/// What the detectors say of a series, joined to what is stored of it.
fn changed(one: &StoredSeries, levels: &SeriesLevels, stored: &[SeriesChange], to: i64) -> Vec<SeriesChange> {
    let settings = ShiftSettings::default();
    let mine: Vec<SeriesChange> =
        stored.iter().filter(|change| change.series == one.series).cloned().collect();
    let mut found = Vec::new();
    for figure in WatchedFigure::ALL {
        let blocks = levels.blocks(figure);
        let from = one.changed_from.unwrap_or(to);
        let looked = LookedFigure::new(&one.key, &one.series, figure, from, &mine);
        let shifts = find_shifts_since(&blocks, &looked.known(&mine), looked.from, &settings);
        found.extend(looked.merge(&shifts, &mine));
    }
    found.extend(swapped(one, levels, &mine, to));
    found
}

/// The swaps of what blocks hold of answers: of a canary its text and probabilities, of other series the facts and the
/// length.
fn swapped(one: &StoredSeries, levels: &SeriesLevels, mine: &[SeriesChange], to: i64) -> Vec<SeriesChange> {
    let facts = levels.facts();
    let changed = one.changed_from.unwrap_or(to);
    let merged = |fact: &str, changed: i64, swaps: Vec<FoundSwap>| {
        let from = settled_from(changed, facts.first(), one.first_slot);
        LookedFact { key: &one.key, series: &one.series, fact, from }.merge(&swaps, mine)
    };
    if one.series.profile.as_deref() == Some(CANARY_PROFILE) {
        let answers = find_swaps(&levels.answer_blocks(), SwapRule::ONCE_A_DAY);
        let mut found = merged(ANSWER_TEXT, changed, answers);
        found.extend(merged(ANSWER_LOGPROBS, changed, find_logprob_swaps(levels.answers())));
        return found;
    }
    let every_row = |blocks: Vec<_>| find_swaps(&blocks, SwapRule::EVERY_ROW);
    let mut found: Vec<SeriesChange> =
        facts.blocks().flat_map(|(fact, blocks)| merged(fact, changed, every_row(blocks))).collect();
    let (lengths, news) = levels.lengths(changed);
    found.extend(merged(LENGTH_FACT, news, find_length_swaps(lengths)));
    found
}

/// The found changes with an id each that no other series' change has, and with a note of those that came back.
fn beside_stored(found: Vec<SeriesChange>, stored: &[SeriesChange], now: DateTime<Utc>) -> Vec<SeriesChange> {
    let known: HashMap<&str, &SeriesChange> = stored.iter().map(|one| (one.id.as_str(), one)).collect();
    let mut ids = HashSet::new();
    let beside = |change: SeriesChange| {
        let is_taken =
            |id: &str| ids.contains(id) || known.get(id).is_some_and(|other| other.series != change.series);
        let change = with_free_id(change.clone(), is_taken);
        ids.insert(change.id.clone());
        match known.get(change.id.as_str()) {
            Some(before) => with_return(change, before, now),
            None => change,
        }
    };
    found.into_iter().map(beside).collect()
}

/// The found changes with scope and cause, and those stored ones beside them whose scope or cause became another: a
/// second model of a provider widens the scope of the first, and what another runner is asked for may be there now.
async fn explained(
    store: &dyn Store,
    all: &[StoredSeries],
    stored: &[SeriesChange],
    found: Vec<SeriesChange>,
    to: i64,
) -> Result<Vec<SeriesChange>, StoreError> {
    let ids: HashSet<&str> = found.iter().map(|one| one.id.as_str()).collect();
    // What waits is judged anew, too, and each beside its own witnesses: without their alarms its scope would shrink.
    let waiting = stored.iter().filter(|old| waits_for_others(old, slot_start(to)));
    let anew: Vec<&SeriesChange> = found.iter().chain(waiting).collect();
    let is_beside = |old: &&SeriesChange| {
        let is_near = || anew.iter().any(|one| one.began.may_meet(&old.began, SAME_TIME));
        !ids.contains(old.id.as_str()) && is_near()
    };
    let beside: Vec<SeriesChange> = stored.iter().filter(is_beside).cloned().collect();
    let new = found.len();
    let mut judged = found;
    judged.extend(beside);
    let mut reader = EvidenceReader::new(store, all, &judged, to).await?;
    let mut written = Vec::new();
    for page in pages(&judged) {
        let these: Vec<&SeriesChange> = page.iter().map(|number| &judged[*number]).collect();
        let evidence = reader.around(&these).await?;
        let became = attributed(&judged, &page, &evidence).into_iter().zip(&page);
        let is_other = |(now, number): &(SeriesChange, &usize)| **number < new || *now != judged[**number];
        written.extend(became.filter(is_other).map(|(now, _)| now));
    }
    Ok(written)
}
