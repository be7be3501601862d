//! Compares two sides by blocks of time. Pure arithmetic; the command decides which runs are samples, and of which series.
//!
//! Runs that are close in time share the load of the provider and of the network, so each of them says little that its
//! neighbours did not say. What is counted are therefore blocks: the median of a UTC day, or of 3 hours where a side has
//! fewer than three days. Their logarithms are compared by Welch's t, which lets the sides scatter differently.
//!
//! A series is one model in one stratum (runner, profile, connection). Only a series that both sides have counts: its
//! blocks are taken relative to its own level, the middle of its two sides, and the blocks of one moment are averaged,
//! first over the strata of a model, then over models. So neither another mix of models nor a runner that goes silent
//! makes a difference, and what all series of a moment have in common (a bad day) counts once and not once for each.

use super::student_t::t_quantile;
use crate::domain::interval::Interval;
use crate::domain::series_block::{SLOTS_OF_DAY, slot_of};
use series_blocks::SeriesBlocks;
use std::collections::{BTreeMap, BTreeSet};

pub mod level;
mod series_blocks;

/// Blocks of a side below which there is no interval: how much two blocks scatter is hardly known.
pub const BLOCKS_NEEDED: usize = 3;

/// Slots of a day, as the length of an array.
const SLOTS: usize = SLOTS_OF_DAY as usize;

/// Parts of a UTC day of 3 hours each, from midnight on.
pub type DayParts = [bool; SLOTS];

/// Half the width below which no interval is: no figure is known better than to a part in a thousand million.
const RESOLUTION: f64 = 1e-9;

/// The probability with which a difference is found in the time that [`time_to_decide`] tells.
const POWER: f64 = 0.8;

/// Blocks beyond which nobody waits.
const MOST_BLOCKS: usize = 3_650;

/// A value above 0, and the 3 hours in which it was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimedSample {
    slot: i64,
    value: f64,
}

impl TimedSample {
    /// A sample of this moment, in milliseconds since 1970.
    pub fn new(milliseconds: i64, value: f64) -> Self {
        Self { slot: slot_of(milliseconds), value }
    }

    /// The number of its block.
    pub fn block(&self, length: BlockLength) -> i64 {
        length.block(self.slot)
    }
}

/// The samples of one model in one stratum.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesSamples {
    /// Series of one model have the same number.
    pub model: usize,
    /// A's samples, then B's, in any order.
    pub sides: [Vec<TimedSample>; 2],
}

/// How long blocks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlockLength {
    ThreeHours,
    Day,
}

impl BlockLength {
    /// Days where both sides reach over at least as many of them as an interval needs, else 3 hours.
    pub fn of(series: &[SeriesSamples]) -> Self {
        let span = |side: usize| {
            let slots = both(series).flat_map(|one| one.sides[side].iter().map(|sample| sample.slot));
            Self::spanned(slots)
        };
        span(0).min(span(1))
    }

    /// The length for moments of one side.
    pub fn spanned(slots: impl Iterator<Item = i64>) -> Self {
        let ends = slots.fold(None, |ends: Option<(i64, i64)>, slot| {
            let (first, last) = ends.unwrap_or((slot, slot));
            Some((first.min(slot), last.max(slot)))
        });
        let long = |(first, last): (i64, i64)| last - first + 1 >= (SLOTS * BLOCKS_NEEDED) as i64;
        if ends.is_some_and(long) { Self::Day } else { Self::ThreeHours }
    }

    pub fn hours(self) -> u32 {
        match self {
            Self::ThreeHours => 3,
            Self::Day => 24,
        }
    }

    /// The block of a slot.
    pub fn block(self, slot: i64) -> i64 {
        match self {
            Self::ThreeHours => slot,
            Self::Day => slot.div_euclid(SLOTS as i64),
        }
    }
}

/// Whether the sides were measured at the same hours of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoursOfDay {
    /// They were.
    Same,
    /// Only runs of the hours that both have were counted.
    Matched,
    /// They have no hours in common, so all were counted.
    Apart,
}

/// What counted of a side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CountedSide {
    /// Samples in counted blocks.
    pub runs: usize,
    /// Blocks of time.
    pub blocks: usize,
    /// Samples left out because the other side has none at these hours of the day.
    pub other_hours: usize,
}

/// A difference with its intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeasuredDifference {
    /// The geometric mean of A's block medians, and of its series where it has several.
    pub median_a: f64,
    pub median_b: f64,
    /// B over A.
    pub ratio: f64,
    pub ratio_interval: Interval,
    /// B minus A, in the figure's unit.
    pub difference: f64,
    pub difference_interval: Interval,
}

impl MeasuredDifference {
    /// True if the whole interval lies at least `least` (0.05 for 5 %) away from no difference, in either direction:
    /// ratios of 1.05 and of 1 / 1.05 are equally far from it.
    pub fn is_real(&self, least: f64) -> bool {
        let Interval { low, high } = self.ratio_interval;
        let least = 1.0 + least;
        (low > 1.0 && low >= least) || (high < 1.0 && high * least <= 1.0)
    }
}

/// The comparison of one figure.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockComparison {
    pub length: BlockLength,
    pub sides: [CountedSide; 2],
    /// Models that counted.
    pub models: usize,
    pub hours: HoursOfDay,
    /// `None` with fewer than [`BLOCKS_NEEDED`] blocks on a side.
    pub found: Option<MeasuredDifference>,
    /// The standard deviation of a block, in logarithms; `None` where no side has two blocks.
    pub noise: Option<f64>,
}

/// Compares two sides by blocks of this length, at `confidence` (between 0 and 1).
pub fn compare(series: &[SeriesSamples], length: BlockLength, confidence: f64) -> BlockComparison {
    let all: Vec<SeriesBlocks> = both(series).map(|one| SeriesBlocks::of(one, length)).collect();
    let with = |least: usize| -> Vec<&SeriesBlocks> {
        all.iter().filter(|one| one.sides.iter().all(|side| side.len() >= least)).collect()
    };
    let counting = with(BLOCKS_NEEDED);
    let enough = !counting.is_empty();
    // With too few blocks anywhere, what there is still tells the noise.
    let used = if enough { counting } else { with(1) };
    let merged = [merged(&used, 0), merged(&used, 1)];
    let [a, b] = [0, 1].map(|side| Spread::of(merged[side].values()));
    let level = averaged(used.iter().map(|one| (one.model, one.level)));
    let found = level.filter(|_| enough).map(|level| difference(a, b, level, confidence));
    BlockComparison {
        length,
        sides: [0, 1].map(|side| CountedSide {
            runs: used.iter().flat_map(|one| one.sides[side].values()).map(|block| block.runs).sum(),
            blocks: merged[side].len(),
            other_hours: used.iter().map(|one| one.other_hours[side]).sum(),
        }),
        models: if enough { used.iter().map(|one| one.model).collect::<BTreeSet<_>>().len() } else { 0 },
        hours: hours(&used),
        found,
        noise: Spread::pooled(a, b),
    }
}

/// The series that have samples on both sides.
fn both(series: &[SeriesSamples]) -> impl Iterator<Item = &SeriesSamples> {
    series.iter().filter(|one| one.sides.iter().all(|side| !side.is_empty()))
}

fn hours(used: &[&SeriesBlocks]) -> HoursOfDay {
    if used.iter().any(|one| one.apart) {
        HoursOfDay::Apart
    } else if used.iter().any(|one| one.other_hours != [0, 0]) {
        HoursOfDay::Matched
    } else {
        HoursOfDay::Same
    }
}

/// The blocks of a side over all series, relative to their levels.
fn merged(series: &[&SeriesBlocks], side: usize) -> BTreeMap<i64, f64> {
    let mut of_block: BTreeMap<i64, Vec<(usize, f64)>> = BTreeMap::new();
    for one in series {
        for (block, found) in &one.sides[side] {
            of_block.entry(*block).or_default().push((one.model, found.median - one.level));
        }
    }
    let mean = |(block, values): (i64, Vec<(usize, f64)>)| Some((block, averaged(values)?));
    of_block.into_iter().filter_map(mean).collect()
}

/// The mean over models of the mean over each model's strata; `None` without values.
fn averaged(values: impl IntoIterator<Item = (usize, f64)>) -> Option<f64> {
    let mut models: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for (model, value) in values {
        let (sum, count) = models.entry(model).or_default();
        (*sum, *count) = (*sum + value, *count + 1.0);
    }
    let sum: f64 = models.values().map(|(sum, count)| sum / count).sum();
    (!models.is_empty()).then(|| sum / models.len() as f64)
}

/// Mean and variance of values.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    count: f64,
    mean: f64,
    /// With the divisor count − 1; 0 for fewer than two values.
    variance: f64,
}

impl Spread {
    fn of<'a>(values: impl Iterator<Item = &'a f64> + Clone) -> Self {
        let count = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / count;
        let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
        Self { count, mean, variance: if count > 1.0 { squares / (count - 1.0) } else { 0.0 } }
    }

    /// The standard deviation within both sides; `None` where neither has two values.
    fn pooled(a: Self, b: Self) -> Option<f64> {
        let degrees = |side: Self| (side.count - 1.0).max(0.0);
        let all = degrees(a) + degrees(b);
        (all > 0.0).then(|| ((a.variance * degrees(a) + b.variance * degrees(b)) / all).sqrt())
    }
}

/// Welch's interval around the difference of the means.
fn difference(a: Spread, b: Spread, level: f64, confidence: f64) -> MeasuredDifference {
    let (of_a, of_b) = (a.variance / a.count, b.variance / b.count);
    let error = (of_a + of_b).sqrt();
    let degrees = (of_a + of_b).powi(2) / (of_a.powi(2) / (a.count - 1.0) + of_b.powi(2) / (b.count - 1.0));
    let reach = if error > 0.0 && degrees.is_finite() {
        t_quantile(f64::midpoint(1.0, confidence), degrees) * error
    } else {
        0.0
    };
    let reach = reach.max(RESOLUTION);
    let found = b.mean - a.mean;
    let values = |log: f64| ((level - log / 2.0).exp(), (level + log / 2.0).exp());
    let apart = |log: f64| values(log).1 - values(log).0;
    let (low, high) = (found - reach, found + reach);
    let (median_a, median_b) = values(found);
    MeasuredDifference {
        median_a,
        median_b,
        ratio: found.exp(),
        ratio_interval: Interval { low: low.exp(), high: high.exp() },
        difference: apart(found),
        difference_interval: Interval { low: apart(low), high: apart(high) },
    }
}

/// The hours that either side needs so that a true difference (0.1 for 10 %) is found in four of five cases at this noise
/// of a block; `None` where that is beyond ten years of days. Without any noise known, the least that an interval needs.
pub fn time_to_decide(
    length: BlockLength,
    noise: Option<f64>,
    confidence: f64,
    difference: f64,
) -> Option<u32> {
    let wanted = difference.ln_1p();
    let decided = |blocks: usize| {
        let count = blocks as f64;
        let degrees = 2.0 * (count - 1.0);
        let reach = t_quantile(f64::midpoint(1.0, confidence), degrees) + t_quantile(POWER, degrees);
        reach * noise.unwrap_or(0.0) * (2.0 / count).sqrt() <= wanted
    };
    let (mut short, mut long) = (BLOCKS_NEEDED - 1, MOST_BLOCKS);
    if !decided(long) {
        return None;
    }
    while long - short > 1 {
        let middle = short.midpoint(long);
        if decided(middle) {
            long = middle;
        } else {
            short = middle;
        }
    }
    u32::try_from(long).ok().map(|blocks| blocks * length.hours())
}

#[cfg(test)]
mod simulations;
#[cfg(test)]
mod tests;
