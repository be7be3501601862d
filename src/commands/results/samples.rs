//! The samples of a comparison: stored runs and failures of both sides, sorted into series: one model in one stratum.

use super::sides::{ComparisonSide, RunScope};
use super::stored_attempts::{self, StoredAttempt, StoredEnd};
use crate::commands::exit::CommandError;
use crate::commands::scope::read_error;
use crate::domain::ModelRef;
use crate::domain::series_block::slot_of;
use crate::measure::block_comparison::{SeriesSamples, TimedSample};
use crate::measure::compare::{FIGURES, RunStratum};
use crate::measure::failure_shares::{AttemptCount, AttemptsBySlot};
use crate::storage::Store;
use crate::storage::history::RunSeries;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashMap};

/// Counts of the rows of a side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SideCounts {
    /// All runs, those left out included; but no counterparts of pairs, which are asked in another way than the others.
    pub runs: u64,
    /// Those of the published series.
    pub published: u64,
    /// Left out because they are suspect.
    pub suspect: u64,
    /// Left out because they name no provider and model as texts, have no time that can be true, or are no documents.
    pub odd: u64,
    /// Values left out because they are no number above 0.
    pub odd_values: u64,
}

/// A model in a stratum: how many runs each side has, and the samples of each figure.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSeries {
    pub runs: [u64; 2],
    pub figures: [SeriesSamples; FIGURES.len()],
}

/// Failures are told apart by model, runner and profile. A failure may have ended before there was a connection.
type AttemptKey = (String, Option<String>, Option<String>);

/// Everything that was read.
#[derive(Debug, Default)]
pub struct ComparedRows {
    pub counted: [SideCounts; 2],
    pub series: BTreeMap<(String, RunStratum), ModelSeries>,
    attempts: BTreeMap<AttemptKey, [AttemptsBySlot; 2]>,
}

impl ComparedRows {
    /// The attempts of each side, of what both sides attempted. A success must be among them: profiles of which the series
    /// that was read has nothing have their failures in the same place.
    pub fn attempts_of_both(&self) -> [AttemptsBySlot; 2] {
        let mut sums = [AttemptsBySlot::new(), AttemptsBySlot::new()];
        let answered = |side: &AttemptsBySlot| side.values().any(|count| count.failures < count.attempts);
        let both = self
            .attempts
            .values()
            .filter(|sides| sides.iter().all(|side| !side.is_empty()) && sides.iter().any(answered));
        for sides in both {
            for (sum, side) in sums.iter_mut().zip(sides) {
                side.iter().for_each(|(slot, count)| sum.entry(*slot).or_default().add(*count));
            }
        }
        sums
    }

    fn attempt(&mut self, row: &StoredAttempt, name: &str, side: usize, at: i64, failures: u64) {
        let key = (name.to_owned(), row.stratum.runner.clone(), row.stratum.profile.clone());
        let counted = self.attempts.entry(key).or_default()[side].entry(slot_of(at)).or_default();
        counted.add(AttemptCount { attempts: 1, failures });
    }

    /// Sorts a run in, or counts the reason why it is left out.
    fn run(&mut self, row: &StoredAttempt, naming: &ModelNaming, side: usize, at: i64) {
        let counted = &mut self.counted[side];
        counted.runs += 1;
        counted.suspect += u64::from(row.suspect);
        let Some(model) = row.model().filter(|_| naming.may_be(at)) else {
            counted.odd += u64::from(!row.suspect);
            return;
        };
        let name = naming.name(model);
        self.attempt(row, &name, side, at, 0);
        if row.suspect {
            return;
        }
        self.counted[side].odd_values += row.odd.iter().filter(|odd| **odd).count() as u64;
        let series = self.series.entry((name, row.stratum.clone())).or_insert_with(|| ModelSeries {
            runs: [0, 0],
            figures: std::array::from_fn(|_| SeriesSamples::default()),
        });
        series.runs[side] += 1;
        for (figure, value) in series.figures.iter_mut().zip(row.values) {
            figure.sides[side].extend(value.map(|value| TimedSample::new(at, value)));
        }
    }

    fn failure(&mut self, row: &StoredAttempt, naming: &ModelNaming, side: usize, at: i64) {
        if let Some(model) = row.model().filter(|_| !row.ours && naming.may_be(at)) {
            self.attempt(row, &naming.name(model), side, at, 1);
        }
    }
}

/// Names of models that both sides share, so that equal ones are compared.
pub struct ModelNaming {
    single: bool,
    by_provider: bool,
    canonical: HashMap<ModelRef, String>,
    /// Rows from later than this have dates that cannot be true.
    latest: i64,
}

impl ModelNaming {
    /// The naming depends on the sides: two models form one series; models of two providers match by id, or by
    /// `canonical_id` in the catalog; else by their own names.
    ///
    /// # Errors
    /// A catalog that cannot be read.
    pub async fn of(
        store: &dyn Store,
        a: &ComparisonSide,
        b: &ComparisonSide,
        now: DateTime<Utc>,
    ) -> Result<Self, CommandError> {
        let single = matches!(a.what, RunScope::Model(_));
        let by_provider = !single && a.provider() != b.provider();
        let mut canonical = HashMap::new();
        for provider in [a, b].iter().filter_map(|side| side.provider()).filter(|_| by_provider) {
            let entries = store.entries(Some(provider)).await;
            let entries = entries.map_err(|error| read_error("reading the catalog", error))?;
            canonical.extend(
                entries
                    .into_iter()
                    .filter_map(|entry| Some((entry.model.clone(), entry.text("canonical_id")?))),
            );
        }
        let latest = stored_attempts::latest(now);
        Ok(Self { single, by_provider, canonical, latest })
    }

    fn name(&self, model: ModelRef) -> String {
        match (self.single, self.by_provider) {
            (true, _) => String::new(),
            (_, true) => self.canonical.get(&model).cloned().unwrap_or(model.model_id),
            _ => model.to_string(),
        }
    }

    /// Whether a row may be from then: one date of another century would stretch a window over it.
    fn may_be(&self, at: i64) -> bool {
        0 < at && at <= self.latest
    }
}

/// Reads the runs of a side (0 is A, 1 is B), and its failures, into `rows`. Samples have no order.
///
/// # Errors
/// A store that cannot be read.
pub async fn read(
    store: &dyn Store,
    compared: &ComparisonSide,
    series: &[RunSeries],
    naming: &ModelNaming,
    rows: &mut ComparedRows,
    side: usize,
) -> Result<(), CommandError> {
    let take = |attempt: &StoredAttempt, at: i64, end: StoredEnd| match end {
        StoredEnd::Run(one) => {
            rows.counted[side].published += u64::from(one == RunSeries::Published);
            rows.run(attempt, naming, side, at);
        }
        StoredEnd::Failure => rows.failure(attempt, naming, side, at),
    };
    stored_attempts::each(store, &compared.scope(), series, take).await
}
