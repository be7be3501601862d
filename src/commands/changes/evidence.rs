//! Gathers what is stored around changes: blocks of the changed series and of its neighbours over the time before and
//! after, and calibrations of the host.

use crate::domain::calibration::CalibrationSummary;
use crate::domain::canary::CANARY_PROFILE;
use crate::domain::change_evidence::{
    ChangeEvidence, ChangeSurroundings, MOST_NEIGHBOURS, SeriesNeighbour, StoredFacts,
};
use crate::domain::series_block::{SeriesBlock, day_of_slot};
use crate::domain::series_change::{MeasuredSeries, SeriesChange};
use crate::measure::change_cause::is_of_answers;
use crate::measure::change_windows::{ChangeWindows, facts, neighbour, program_change};
use crate::storage::series_blocks::{StoredSeries, series_key};
use crate::storage::{Store, StoreError};
use chrono::TimeDelta;
use std::collections::HashMap;

/// A host whose newest calibration is older than this long before a change has nothing to say of it.
const CALIBRATED: TimeDelta = TimeDelta::days(30);

/// Calibrations of a host that are searched for those of both windows; a host makes one a day.
const MOST_CALIBRATIONS: u32 = 200;

/// Blocks that are kept for the next change: changes of one event have the same neighbours. A block takes about 400 bytes.
const KEPT_BLOCKS: usize = 150_000;

/// Gathers the surroundings of these changes; `to` is the first slot that has no block yet.
///
/// # Errors
/// The store's.
pub async fn gather(
    store: &dyn Store,
    all: &[StoredSeries],
    changes: &[SeriesChange],
    to: i64,
) -> Result<ChangeEvidence, StoreError> {
    let these: Vec<&SeriesChange> = changes.iter().collect();
    EvidenceReader::new(store, all, changes, to).await?.around(&these).await
}

/// Reads the surroundings of changes, some at a time: what is around thousands does not fit into memory.
pub struct EvidenceReader<'a> {
    store: &'a dyn Store,
    all: &'a [StoredSeries],
    to: i64,
    calibrations: Calibrations,
    blocks: NearBlocks,
}

impl<'a> EvidenceReader<'a> {
    /// Reads what all changes have in common, of which `changes` are those that are asked for later.
    ///
    /// # Errors
    /// The store's.
    pub async fn new(
        store: &'a dyn Store,
        all: &'a [StoredSeries],
        changes: &[SeriesChange],
        to: i64,
    ) -> Result<Self, StoreError> {
        let calibrations = Calibrations::read(store, changes).await?;
        Ok(Self { store, all, to, calibrations, blocks: NearBlocks::default() })
    }

    /// The surroundings of these changes.
    ///
    /// # Errors
    /// The store's.
    pub async fn around(&mut self, changes: &[&SeriesChange]) -> Result<ChangeEvidence, StoreError> {
        let mut around = Vec::new();
        for change in changes {
            around.push(self.surroundings(change).await?);
            // What is in memory is not waited for: other tasks have their turn between changes of hundreds of neighbours.
            tokio::task::yield_now().await;
        }
        Ok(ChangeEvidence { around })
    }

    async fn surroundings(&mut self, change: &SeriesChange) -> Result<ChangeSurroundings, StoreError> {
        let windows = ChangeWindows::of(change, self.to);
        let (from, end) = windows.span();
        let mut neighbours = neighbours(self.all, &change.series, from);
        if is_of_answers(change) {
            // Other models answer in other words, and at other lengths.
            neighbours.retain(|one| one.series.model == change.series.model);
        }
        // Failures may have no connection of their own.
        let unconnected = MeasuredSeries { connection: None, ..change.series.clone() };
        let own = [series_key(&change.series), series_key(&unconnected)];
        let keys: Vec<String> =
            own.iter().cloned().chain(neighbours.iter().map(|one| one.key.clone())).collect();
        self.blocks.read(self.store, &keys, (day_of_slot(from), day_of_slot(end) + 1)).await?;
        let of = |key: &str| self.blocks.of(key);
        let mut mine = of(&own[0]).to_vec();
        if own[0] != own[1] {
            mine.extend_from_slice(of(&own[1]));
        }
        let side = |window| self.calibrations.beside(facts(&mine, window), &mine, window);
        let reading = |one: &&StoredSeries| {
            let reading = neighbour(change, of(&one.key), &windows)?;
            Some(SeriesNeighbour { series: one.series.clone(), reading })
        };
        Ok(ChangeSurroundings {
            change_id: change.id.clone(),
            before: side(windows.before),
            after: side(windows.after),
            program: program_change(change, &mine, &windows),
            neighbours: neighbours.iter().filter_map(reading).collect(),
        })
    }
}

/// The series whose levels say how far a change reaches.
fn neighbours<'a>(all: &'a [StoredSeries], changed: &MeasuredSeries, from: i64) -> Vec<&'a StoredSeries> {
    let same_question =
        |one: &MeasuredSeries| one.profile == changed.profile && one.connection == changed.connection;
    let (mut elsewhere, mut models, mut providers) = (Vec::new(), Vec::new(), Vec::new());
    let is_canary = |one: &MeasuredSeries| one.profile.as_deref() == Some(CANARY_PROFILE);
    // Canaries have no samples of figures, and say something of each other alone.
    let says = |one: &StoredSeries| one.sampled_blocks > 0 || (is_canary(changed) && is_canary(&one.series));
    for stored in all.iter().filter(|one| says(one) && one.last_slot >= from && one.series != *changed) {
        let one = &stored.series;
        if one.model == changed.model {
            if same_question(one) && one.runner != changed.runner {
                elsewhere.push(stored);
            }
        } else if one.runner == changed.runner {
            let kind =
                if one.model.provider == changed.model.provider { &mut models } else { &mut providers };
            kind.push(stored);
        }
    }
    // Sentences count the models, those that moved and those that stayed: none may be left out.
    for (kind, most) in [(models, usize::MAX), (spread(providers), MOST_NEIGHBOURS)] {
        let (same, others): (Vec<_>, Vec<_>) = kind.into_iter().partition(|one| same_question(&one.series));
        elsewhere.extend(same.into_iter().chain(others).take(most));
    }
    elsewhere
}

/// Blocks that were read for one change, for the next.
#[derive(Default)]
struct NearBlocks {
    kept: HashMap<String, DaysOfBlocks>,
    count: usize,
}

/// The blocks of a series from one day to before another.
struct DaysOfBlocks {
    days: (i64, i64),
    blocks: Vec<SeriesBlock>,
}

impl NearBlocks {
    /// Reads the blocks of these series on these days, unless they are known.
    async fn read(&mut self, store: &dyn Store, keys: &[String], days: (i64, i64)) -> Result<(), StoreError> {
        if self.count > KEPT_BLOCKS {
            self.kept.clear();
            self.count = 0;
        }
        let is_known = |kept: &DaysOfBlocks| kept.days.0 <= days.0 && days.1 <= kept.days.1;
        let mut missing: Vec<String> =
            keys.iter().filter(|key| !self.kept.get(*key).is_some_and(is_known)).cloned().collect();
        // A store answers twice for a series that is asked for twice.
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            return Ok(());
        }
        let found = store.series_days(&missing, days.0, days.1).await?;
        for key in missing {
            let before = self.kept.insert(key, DaysOfBlocks { days, blocks: Vec::new() });
            self.count -= before.map_or(0, |before| before.blocks.len());
        }
        for day in found {
            if let Some(kept) = self.kept.get_mut(&day.key) {
                let blocks = day.columns.blocks(day.day);
                self.count += blocks.len();
                kept.blocks.extend(blocks);
            }
        }
        Ok(())
    }

    fn of(&self, key: &str) -> &[SeriesBlock] {
        self.kept.get(key).map(|kept| kept.blocks.as_slice()).unwrap_or_default()
    }
}

/// The series in turns of their providers, so that the first of them are of many.
fn spread(series: Vec<&StoredSeries>) -> Vec<&StoredSeries> {
    let mut turns: HashMap<&str, usize> = HashMap::new();
    let mut all: Vec<(usize, &StoredSeries)> = Vec::new();
    for one in series {
        let turn = turns.entry(one.series.model.provider.as_str()).or_default();
        all.push((*turn, one));
        *turn += 1;
    }
    all.sort_by_key(|(turn, _)| *turn);
    all.into_iter().map(|(_, one)| one).collect()
}

/// Calibrations by the ids that rows name.
struct Calibrations(HashMap<String, CalibrationSummary>);

impl Calibrations {
    async fn read(store: &dyn Store, changes: &[SeriesChange]) -> Result<Self, StoreError> {
        let Some(earliest) = changes.iter().map(|change| change.began.earliest).min() else {
            return Ok(Self(HashMap::new()));
        };
        let mut found = HashMap::new();
        for newest in store.newest_calibrations(earliest - CALIBRATED).await? {
            let all = store.calibrations(&newest.host, MOST_CALIBRATIONS).await?;
            found.extend(all.iter().map(|one| (one.id.clone(), one.summary())));
        }
        Ok(Self(found))
    }

    /// The facts with the calibration that the last rows of the window name.
    fn beside(&self, facts: StoredFacts, blocks: &[SeriesBlock], (from, to): (i64, i64)) -> StoredFacts {
        let within = blocks.iter().filter(|block| from <= block.slot && block.slot < to);
        let named =
            within.filter(|block| block.facts.calibration_id.is_some()).max_by_key(|block| block.slot);
        let made = named.and_then(|block| self.0.get(block.facts.calibration_id.as_ref()?));
        StoredFacts {
            calibration_error_seconds: made.and_then(|one| one.ttft_error_mean),
            calibration_fit: made.map(|one| one.may_publish),
            ..facts
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ModelRef;

    fn stored(model: &str, runner: &str, profile: &str) -> StoredSeries {
        let series = MeasuredSeries {
            model: model.parse::<ModelRef>().unwrap(),
            runner: Some(runner.to_owned()),
            profile: Some(profile.to_owned()),
            connection: Some("cold".to_owned()),
        };
        StoredSeries {
            key: series_key(&series),
            series,
            first_slot: 0,
            last_slot: 100,
            sampled_blocks: 9,
            changed_from: None,
            revision: 1,
            judged_days: None,
        }
    }

    #[test]
    fn neighbours_are_the_same_elsewhere_and_others_of_the_same_runner() {
        let mut all = vec![
            stored("groq:m", "a", "p"),
            stored("groq:m", "b", "p"),
            stored("groq:m", "b", "other"),
            stored("groq:m", "a", "other"),
            stored("groq:n", "a", "other"),
            stored("groq:o", "a", "p"),
            stored("groq:o", "b", "p"),
        ];
        for provider in ["x", "y"] {
            all.extend((0..60).map(|number| stored(&format!("{provider}:{number:02}"), "a", "p")));
        }
        all.push(StoredSeries { last_slot: 3, ..stored("groq:silent", "a", "p") });
        let found = neighbours(&all, &all[0].series, 50);
        let named: Vec<String> = found.iter().map(|one| one.series.model.to_string()).collect();
        assert_eq!(named[..3], ["groq:m", "groq:o", "groq:n"]);
        assert_eq!(found[0].series.runner.as_deref(), Some("b"));
        let of = |provider: &str| named.iter().filter(|name| name.starts_with(provider)).count();
        assert_eq!((of("x:"), of("y:"), named.len()), (20, 20, 43));
    }

    /// A sentence counts those that moved and those that stayed, so all of them are compared.
    #[test]
    fn every_model_of_the_provider_is_a_neighbour() {
        let all: Vec<StoredSeries> =
            (0..93).map(|number| stored(&format!("groq:{number:02}"), "a", "p")).collect();
        assert_eq!(neighbours(&all, &all[0].series, 50).len(), 92);
    }
}
