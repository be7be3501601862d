//! Which models have a place and which lack something: the level of every model under the chosen circumstances.

use super::circumstances::{RankingCircumstances, RunnerName, WantedCircumstances};
use super::tiers;
use crate::measure::block_comparison::level::{MeasuredLevel, day_parts};
use crate::measure::block_comparison::{BLOCKS_NEEDED, BlockLength, DayParts, TimedSample};
use crate::measure::compare::RunStratum;
use crate::measure::failure_shares::AttemptCount;
use crate::measure::metrics::BetterDirection;
use std::collections::{BTreeMap, BTreeSet};

/// Hours of a part of the day.
const PART_HOURS: usize = 3;

/// The runs of a model in one stratum.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StratumRuns {
    /// Those with the figure, in any order.
    pub samples: Vec<TimedSample>,
    /// The first and the last of them, in milliseconds since 1970.
    pub times: Option<(i64, i64)>,
}

impl StratumRuns {
    /// Adds a run of this moment.
    pub fn add(&mut self, at: i64, value: Option<f64>) {
        if let Some(value) = value {
            self.samples.push(TimedSample::new(at, value));
            let (first, last) = self.times.unwrap_or((at, at));
            self.times = Some((first.min(at), last.max(at)));
        }
    }

    /// How many blocks of time have a sample.
    pub fn blocks(&self, length: BlockLength) -> usize {
        self.samples.iter().map(|sample| sample.block(length)).collect::<BTreeSet<_>>().len()
    }
}

/// Everything that was read of a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelAttempts {
    /// A stratum of which all runs lack the figure or are suspect has no samples.
    pub series: BTreeMap<RunStratum, StratumRuns>,
    /// By runner and profile: an attempt may fail before there is a connection.
    pub attempts: BTreeMap<(RunnerName, Option<String>), AttemptCount>,
}

/// Why a model has no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MissingForPlace {
    /// There is no run under these circumstances, but there are others.
    OtherCircumstances,
    /// All attempts failed.
    Answers,
    /// The runs lack the figure, or are suspect.
    Figure,
    /// A runner that every ranked model has.
    Runner(RunnerName),
    /// Blocks of time in which every runner has samples.
    Blocks { has: usize },
    /// Hours of the UTC day that most models have.
    Hours { from: usize, to: usize },
}

/// A model in the ranking.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelStanding {
    pub level: Result<MeasuredLevel, MissingForPlace>,
    /// Samples, whether or not they are in counted blocks.
    pub samples: usize,
    /// The first and the last of them, in milliseconds since 1970.
    pub times: Option<(i64, i64)>,
    pub attempts: AttemptCount,
}

/// A ranking of models, each named by its index.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    pub circumstances: RankingCircumstances,
    pub length: BlockLength,
    pub models: Vec<ModelStanding>,
    /// Those with a place: tiers, the best first.
    pub tiers: Vec<Vec<usize>>,
}

impl Ranking {
    /// Ranks models by a figure.
    pub fn of(models: &[ModelAttempts], wanted: &WantedCircumstances, better: BetterDirection) -> Self {
        let circumstances = RankingCircumstances::choose(models, wanted);
        let counted: Vec<CountedModel<'_>> =
            models.iter().map(|model| CountedModel::of(model, &circumstances)).collect();
        let length = block_length(&counted);
        let usual = usual_parts(&counted);
        let models: Vec<ModelStanding> = counted
            .iter()
            .map(|model| ModelStanding {
                level: model.level(&circumstances, length, &usual),
                samples: model.samples().count(),
                times: model.times,
                attempts: model.attempts,
            })
            .collect();
        let (places, levels): (Vec<usize>, Vec<MeasuredLevel>) = models
            .iter()
            .enumerate()
            .filter_map(|(place, model)| Some((place, model.level.clone().ok()?)))
            .unzip();
        let of_tier = |tier: Vec<usize>| tier.into_iter().map(|index| places[index]).collect();
        let tiers = tiers(&levels, better).into_iter().map(of_tier).collect();
        Self { circumstances, length, models, tiers }
    }
}

/// What counts of a model under the chosen circumstances.
struct CountedModel<'a> {
    /// True if it has any run, also if that is no sample.
    has_runs: bool,
    series: BTreeMap<&'a RunnerName, &'a [TimedSample]>,
    times: Option<(i64, i64)>,
    attempts: AttemptCount,
}

impl<'a> CountedModel<'a> {
    fn of(model: &'a ModelAttempts, circumstances: &RankingCircumstances) -> Self {
        let mut counted =
            Self { has_runs: false, series: BTreeMap::new(), times: None, attempts: AttemptCount::default() };
        for (stratum, runs) in model.series.iter().filter(|(stratum, _)| circumstances.holds(stratum)) {
            counted.has_runs = true;
            if runs.samples.is_empty() {
                continue;
            }
            counted.series.insert(&stratum.runner, &runs.samples);
            let (first, last) = counted.times.or(runs.times).unwrap_or_default();
            counted.times = runs.times.map(|(one, other)| (first.min(one), last.max(other)));
        }
        for ((runner, profile), count) in &model.attempts {
            if *profile == circumstances.profile && circumstances.runners.contains(runner) {
                counted.attempts.add(*count);
            }
        }
        counted
    }

    fn samples(&self) -> impl Iterator<Item = &'a TimedSample> {
        self.series.values().flat_map(|samples| samples.iter())
    }

    fn level(
        &self,
        circumstances: &RankingCircumstances,
        length: BlockLength,
        usual: &DayParts,
    ) -> Result<MeasuredLevel, MissingForPlace> {
        if self.series.is_empty() {
            let AttemptCount { attempts, failures } = self.attempts;
            return Err(match self.has_runs {
                true => MissingForPlace::Figure,
                false if attempts > 0 && attempts == failures => MissingForPlace::Answers,
                false => MissingForPlace::OtherCircumstances,
            });
        }
        let lacks = |runner: &&RunnerName| !self.series.contains_key(*runner);
        if let Some(runner) = circumstances.runners.iter().find(lacks) {
            return Err(MissingForPlace::Runner(runner.clone()));
        }
        let series: Vec<&[TimedSample]> = self.series.values().copied().collect();
        match (MeasuredLevel::of(&series, length, usual), gap(usual, &day_parts(self.samples()))) {
            (Err(has), None) | (Err(has @ 1..), _) => Err(MissingForPlace::Blocks { has }),
            (_, Some((from, to))) => Err(MissingForPlace::Hours { from, to }),
            (Ok(level), None) => Ok(level),
        }
    }
}

/// Days where at least half of the models with samples reach over as many of them as an interval needs, else 3 hours.
fn block_length(models: &[CountedModel<'_>]) -> BlockLength {
    let with_samples: Vec<&CountedModel<'_>> =
        models.iter().filter(|model| !model.series.is_empty()).collect();
    let long = |model: &&&CountedModel<'_>| {
        let slots = model.samples().map(|sample| sample.block(BlockLength::ThreeHours));
        BlockLength::spanned(slots) == BlockLength::Day
    };
    let long = with_samples.iter().filter(long).count();
    if long > 0 && long * 2 >= with_samples.len() { BlockLength::Day } else { BlockLength::ThreeHours }
}

/// The parts of the day in which at least half of the models with samples are measured.
fn usual_parts(models: &[CountedModel<'_>]) -> DayParts {
    let of_models: Vec<DayParts> = models
        .iter()
        .filter(|model| !model.series.is_empty())
        .map(|model| day_parts(model.samples()))
        .collect();
    let mut parts = DayParts::default();
    for (part, is_usual) in parts.iter_mut().enumerate() {
        *is_usual = of_models.iter().filter(|model| model[part]).count() * 2 >= of_models.len();
    }
    parts
}

/// The hours of the longest stretch of usual parts that a model lacks, if that is two parts or more: the daily cycle of
/// what is left would be another one. A single part between others is made up for by its neighbours.
fn gap(usual: &DayParts, has: &DayParts) -> Option<(usize, usize)> {
    let parts = usual.len();
    let lacks = |part: usize| usual[part % parts] && !has[part % parts];
    let length = |from: usize| (0..parts).take_while(|step| lacks(from + step)).count();
    let (from, longest) =
        (0..parts).map(|from| (from, length(from))).rev().max_by_key(|(_, length)| *length)?;
    (longest >= 2).then(|| (from * PART_HOURS, (from + longest) % parts * PART_HOURS))
}

/// The least number of blocks that a place needs.
pub const BLOCKS_FOR_PLACE: usize = BLOCKS_NEEDED;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_hours_without_samples_are_a_gap_also_over_midnight() {
        let parts = |missing: &[usize]| -> DayParts {
            let mut parts = [true; 8];
            missing.iter().for_each(|part| parts[*part] = false);
            parts
        };
        let all = parts(&[]);
        assert_eq!((gap(&all, &all), gap(&all, &parts(&[2, 4, 6]))), (None, None));
        assert_eq!(gap(&all, &parts(&[2, 3])), Some((6, 12)));
        assert_eq!(gap(&all, &parts(&[7, 0, 3, 4, 5])), Some((9, 18)));
        assert_eq!(gap(&all, &parts(&[7, 0])), Some((21, 3)));
        // What hardly anybody has is no gap.
        assert_eq!(gap(&parts(&[2, 3, 4]), &parts(&[2, 3, 4, 5])), None);
        assert_eq!(gap(&all, &[false; 8]).map(|(from, _)| from), Some(0));
    }
}
