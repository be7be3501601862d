//! How far the median of one run lies from a stored series, with an interval. Pure arithmetic.
//!
//! A run takes minutes, so all of its samples share what lasts longer than that: the load of the hour, the day. However many
//! there are, together they are one look at the series. What a look can be is read off the stored series itself: its samples
//! are cut into moments as long as the run, and the medians of moments scatter within days and from day to day. The interval
//! is Student's, of one further moment on one further day. See docs/decisions/107-gates-against-history.md.
//!
//! Time is counted from the run: its block of 3 hours has the run in its middle, and earlier blocks and days are whole steps
//! before it, so a run at any time of the day is held against the same hours of earlier days.

use super::shortage::HistoryShortage;
use crate::domain::interval::Interval;
use crate::domain::series_block::{SLOT_MILLISECONDS as BLOCK_MILLISECONDS, SLOTS_OF_DAY as BLOCKS};
use crate::measure::stats::percentile;
use crate::measure::student_t::t_quantile;
use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::PI;

/// Samples that a run needs: the median of two is moved by one outlier.
pub const SAMPLES_NEEDED: usize = 3;

/// Days that a comparison needs: how much two days differ is hardly known.
pub const DAYS_NEEDED: usize = 3;

/// Days that it needs where they are of all hours: days are counted from the run, so the first may be a part of one.
const WHOLE_DAYS_NEEDED: usize = DAYS_NEEDED + 1;

/// Blocks of the day, of eight, that history needs where it has too little of the run's own.
const BLOCKS_OF_DAY_NEEDED: usize = 4;

/// The least length of a moment.
const MINUTE: i64 = 60_000;

/// Robust standard deviations beyond which a sample counts as if it lay there.
const CLIP: f64 = 3.5;

/// What turns a median of absolute deviations into a standard deviation of the normal distribution.
const MAD_SCALE: f64 = 1.4826;

/// The normal distribution's quantile of 80 %.
const NORMAL_80: f64 = 0.842;

/// Half the width below which no interval is, in logarithms.
const RESOLUTION: f64 = 1e-9;

/// A stored value above 0 and its time, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoredSample {
    pub at: i64,
    pub value: f64,
}

/// The samples of the run that is judged.
#[derive(Debug, Clone, Copy)]
pub struct JudgedRun<'a> {
    /// Milliseconds since 1970.
    pub began: i64,
    pub ended: i64,
    /// Above 0.
    pub values: &'a [f64],
}

impl JudgedRun<'_> {
    /// True if it reaches over more than its block of time.
    fn is_long(&self) -> bool {
        self.ended - self.began > BLOCK_MILLISECONDS
    }

    /// Where its block begins.
    fn block_start(&self) -> i64 {
        self.began.midpoint(self.ended) - BLOCK_MILLISECONDS / 2
    }
}

/// The run over the stored series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistoryRatio {
    pub stored_median: f64,
    pub ratio: f64,
    pub ratio_interval: Interval,
    /// True if the same hours of earlier days were compared; otherwise the whole of them was, and how much the hour of the
    /// day matters is in the interval.
    pub same_hours: bool,
}

/// What of the stored series could be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsedHistory {
    pub samples: usize,
    pub days: usize,
}

/// A sample in logarithms, sorted into its block and moment.
struct PlacedSample {
    block: i64,
    /// When the moment began.
    moment: i64,
    log: f64,
}

/// Compares a run with a stored series.
pub fn compare(
    run: JudgedRun<'_>,
    stored: &[StoredSample],
    confidence: f64,
) -> (UsedHistory, Result<HistoryRatio, HistoryShortage>) {
    if run.is_long() {
        return (UsedHistory::default(), Err(HistoryShortage::LongRun));
    }
    // What was measured within an hour and a half before the run is of its own block, and no history.
    let placed: Vec<PlacedSample> = place(run, stored);
    let used = UsedHistory { samples: placed.len(), days: days(placed.iter().map(|one| one.block)) };
    let answer = level(&placed).and_then(|level| {
        if run.values.len() < SAMPLES_NEEDED {
            return Err(HistoryShortage::FewSamples { has: run.values.len() });
        }
        Ok(ratio(run, &placed, &level, confidence))
    });
    (used, answer)
}

/// Sorts samples into blocks, and into moments of the length of the run: one begins with the first sample that the one before
/// does not reach.
fn place(run: JudgedRun<'_>, stored: &[StoredSample]) -> Vec<PlacedSample> {
    let start = run.block_start();
    let length = (run.ended - run.began).max(MINUTE);
    let mut ordered: Vec<StoredSample> = stored.iter().copied().filter(|sample| sample.at < start).collect();
    ordered.sort_unstable_by_key(|sample| sample.at);
    let mut moment = i64::MIN;
    let mut placed = |sample: &StoredSample| {
        let block = (sample.at - start).div_euclid(BLOCK_MILLISECONDS);
        let began = start + block * BLOCK_MILLISECONDS;
        if moment < began || sample.at - moment >= length {
            moment = sample.at;
        }
        PlacedSample { block, moment, log: sample.value.ln() }
    };
    ordered.iter().map(&mut placed).collect()
}

/// How many days hold these blocks.
fn days(blocks: impl Iterator<Item = i64>) -> usize {
    blocks.map(day).collect::<BTreeSet<i64>>().len()
}

fn day(block: i64) -> i64 {
    block.div_euclid(BLOCKS)
}

/// The part of the day of a block; the run's own is 0.
fn hour(block: i64) -> i64 {
    block.rem_euclid(BLOCKS)
}

/// The usual level of a series, by part of the day where there are days enough.
struct StoredLevel {
    /// Of each part of the day, or of all under 0.
    of_hours: BTreeMap<i64, f64>,
    same_hours: bool,
    /// The variance of the level that the run is held against.
    variance: f64,
}

impl StoredLevel {
    /// The level of a block; `None` for parts of the day with too few days.
    fn of(&self, block: i64) -> Option<f64> {
        self.of_hours.get(&if self.same_hours { hour(block) } else { 0 }).copied()
    }
}

fn level(placed: &[PlacedSample]) -> Result<StoredLevel, HistoryShortage> {
    let medians = block_medians(placed);
    let mut of_hours: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for (block, median) in &medians {
        of_hours.entry(hour(*block)).or_default().push(*median);
    }
    let at_this_hour = of_hours.get(&0).map_or(0, Vec::len);
    if at_this_hour >= DAYS_NEEDED {
        of_hours.retain(|_, medians| medians.len() >= DAYS_NEEDED);
        let centres: BTreeMap<i64, f64> =
            of_hours.iter_mut().map(|(hour, medians)| (*hour, middle(medians))).collect();
        let groups = of_hours.iter().map(|(hour, medians)| (centres[hour], medians.as_slice()));
        let variance = median_share(at_this_hour as f64) * variance_around(groups);
        return Ok(StoredLevel { of_hours: centres, same_hours: true, variance });
    }
    let days = days(medians.keys().copied());
    if days < WHOLE_DAYS_NEEDED || of_hours.len() < BLOCKS_OF_DAY_NEEDED {
        return Err(HistoryShortage::FewDays { at_this_hour });
    }
    let mut all: Vec<f64> = medians.into_values().collect();
    let centre = middle(&mut all);
    let groups = [(centre, all.as_slice())].into_iter();
    let variance = median_share(days as f64) * variance_around(groups);
    Ok(StoredLevel { of_hours: BTreeMap::from([(0, centre)]), same_hours: false, variance })
}

fn block_medians(placed: &[PlacedSample]) -> BTreeMap<i64, f64> {
    let mut blocks: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for one in placed {
        blocks.entry(one.block).or_default().push(one.log);
    }
    blocks.into_iter().map(|(block, mut logs)| (block, middle(&mut logs))).collect()
}

/// The median; sorts the values.
fn middle(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    percentile(values, 50.0)
}

/// The share of the variance of one value that the median of `n` independent ones has: exact for 1 value and for many, and
/// right to 2 % between.
fn median_share(n: f64) -> f64 {
    PI / (2.0 * n + PI - 2.0)
}

/// The variance of values in groups, each around its own centre.
fn variance_around<'a>(groups: impl Iterator<Item = (f64, &'a [f64])>) -> f64 {
    let (mut squares, mut degrees) = (0.0, 0.0);
    for (centre, values) in groups {
        squares += values.iter().map(|value| (value - centre).powi(2)).sum::<f64>();
        degrees += values.len() as f64 - 1.0;
    }
    if degrees > 0.0 { squares / degrees } else { 0.0 }
}

/// A moment of the stored series, relative to the usual level.
struct StoredMoment {
    day: i64,
    block: i64,
    /// Its samples, clipped and sorted.
    logs: Vec<f64>,
}

impl StoredMoment {
    fn median(&self) -> f64 {
        percentile(&self.logs, 50.0)
    }
}

fn moments(placed: &[PlacedSample], level: &StoredLevel) -> Vec<StoredMoment> {
    let relative: Vec<(&PlacedSample, f64)> =
        placed.iter().filter_map(|one| Some((one, one.log - level.of(one.block)?))).collect();
    let mut away: Vec<f64> = relative.iter().map(|(_, log)| log.abs()).collect();
    let bound = CLIP * MAD_SCALE * middle(&mut away);
    let bound = if bound > 0.0 { bound } else { f64::INFINITY };
    let mut found: BTreeMap<(i64, i64), Vec<f64>> = BTreeMap::new();
    for (one, log) in relative {
        found.entry((one.block, one.moment)).or_default().push(log.clamp(-bound, bound));
    }
    let moment = |((block, _), mut logs): ((i64, i64), Vec<f64>)| {
        logs.sort_unstable_by(f64::total_cmp);
        StoredMoment { day: day(block), block, logs }
    };
    found.into_iter().map(moment).collect()
}

/// What one further moment can be: variances within a day and between days.
struct MomentScatter {
    within: f64,
    between: f64,
    days: f64,
    blocks: f64,
}

impl MomentScatter {
    fn of(moments: &[StoredMoment], level: &StoredLevel) -> Self {
        let mut by_day: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for moment in moments {
            by_day.entry(moment.day).or_default().push(moment.median());
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let means: Vec<f64> = by_day.values().map(|medians| mean(medians)).collect();
        let (all, days) = (mean(&means), means.len() as f64);
        let between = means.iter().map(|of_day| (of_day - all).powi(2)).sum::<f64>() / (days - 1.0).max(1.0);
        let squares = by_day
            .values()
            .zip(&means)
            .flat_map(|(medians, of_day)| medians.iter().map(move |median| (median - of_day).powi(2)));
        // The levels were taken from these very moments, which are nearer to them than others will be.
        let within = squares.sum::<f64>() / moments.len().max(1) as f64;
        let within = if within > 0.0 { within + level.variance } else { 0.0 };
        let blocks = moments.iter().map(|moment| moment.block).collect::<BTreeSet<_>>().len() as f64;
        Self { within, between, days, blocks }
    }
}

/// What differs from sample to sample within a moment, of the run and of stored ones.
struct SampleScatter {
    variance: f64,
    degrees: f64,
}

impl SampleScatter {
    fn of(run: &[f64], moments: &[StoredMoment]) -> Self {
        let (mut squares, mut degrees) = (0.0, 0.0);
        for logs in std::iter::once(run).chain(moments.iter().map(|moment| moment.logs.as_slice())) {
            squares += squares_without_outliers(logs);
            degrees += logs.len().saturating_sub(1) as f64;
        }
        Self { variance: if degrees > 0.0 { squares / degrees } else { 0.0 }, degrees }
    }

    /// What the variance is at least, with 80 %: Wilson and Hilferty's quantile of chi squared.
    fn least(&self) -> f64 {
        if self.degrees < 1.0 {
            return 0.0;
        }
        let part = 2.0 / (9.0 * self.degrees);
        self.variance / (1.0 - part + NORMAL_80 * part.sqrt()).powi(3)
    }
}

/// The sum of squares around the mean. One outlier among samples that hardly differ must not say that they do.
fn squares_without_outliers(sorted: &[f64]) -> f64 {
    let centre = percentile(sorted, 50.0);
    let mut away: Vec<f64> = sorted.iter().map(|log| (log - centre).abs()).collect();
    let bound = CLIP * MAD_SCALE * middle(&mut away);
    let clipped = || sorted.iter().map(|log| (log - centre).clamp(-bound, bound));
    let mean = clipped().sum::<f64>() / sorted.len().max(1) as f64;
    clipped().map(|log| (log - mean).powi(2)).sum()
}

fn ratio(run: JudgedRun<'_>, placed: &[PlacedSample], level: &StoredLevel, confidence: f64) -> HistoryRatio {
    let mut logs: Vec<f64> = run.values.iter().map(|value| value.ln()).collect();
    let run_median = middle(&mut logs);
    let moments = moments(placed, level);
    let scatter = MomentScatter::of(&moments, level);
    let within = within_moment(&scatter, &SampleScatter::of(&logs, &moments), logs.len(), &moments);
    let slow = scatter.between + level.variance;
    let (slow_degrees, fast_degrees) =
        ((scatter.days - 1.0).max(1.0), (scatter.blocks - scatter.days).max(1.0));
    let variance = slow + within;
    // Satterthwaite's degrees of freedom of a sum of two variances.
    let degrees = variance.powi(2) / (slow.powi(2) / slow_degrees + within.powi(2) / fast_degrees);
    let reach = match variance > 0.0 && degrees.is_finite() {
        true => t_quantile(f64::midpoint(1.0, confidence), degrees) * variance.sqrt(),
        false => 0.0,
    };
    let reach = reach.max(RESOLUTION);
    // The level of the run's own part of the day, or of all.
    let usual = level.of(0).unwrap_or(run_median);
    let found = run_median - usual;
    HistoryRatio {
        stored_median: usual.exp(),
        ratio: found.exp(),
        ratio_interval: Interval { low: (found - reach).exp(), high: (found + reach).exp() },
        same_hours: level.same_hours,
    }
}

/// The variance of a moment with as many samples as the run has, within its day. A stored moment of one sample scatters by all
/// that differs from sample to sample, the median of many by a share of it. How much that is, is seen within the run; where
/// it makes the interval narrower, only as much of it counts as is sure.
fn within_moment(
    scatter: &MomentScatter,
    samples: &SampleScatter,
    n: usize,
    moments: &[StoredMoment],
) -> f64 {
    let own = median_share(n as f64);
    let stored = moments.iter().map(|moment| median_share(moment.logs.len() as f64)).sum::<f64>()
        / moments.len().max(1) as f64;
    match own > stored {
        true => scatter.within + (own - stored) * samples.variance,
        false => {
            let least = scatter.within.min(own * samples.variance);
            (scatter.within - (stored - own) * samples.least()).max(least)
        }
    }
}

#[cfg(test)]
mod simulations;
#[cfg(test)]
mod tests;
