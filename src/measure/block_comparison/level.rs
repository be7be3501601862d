//! The level of one model by blocks of time: its figure, and the interval of it. Pure arithmetic.
//!
//! The figure is the geometric mean of block medians, and the interval is Student's for as many blocks as there are:
//! blocks are what is independent, not runs. Where several runners measure a model, a block counts if every one of them
//! has it, and is the mean of theirs, so that a bad day of the provider counts once.

use super::series_blocks::{self, MedianBlock};
use super::{BLOCKS_NEEDED, BlockLength, DayParts, RESOLUTION, SLOTS, Spread, TimedSample};
use crate::domain::interval::Interval;
use crate::domain::series_block::slot_of;
use crate::measure::stats::{median_interval, percentile};
use crate::measure::student_t::TQuantiles;
use std::collections::BTreeMap;

/// How fast a model is, and how well that is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeasuredLevel {
    /// The mean of the logarithms of block medians.
    log: f64,
    /// The variance of that mean.
    variance: f64,
    pub blocks: usize,
    /// Samples in these blocks.
    pub runs: usize,
}

impl MeasuredLevel {
    /// The level of a model: one series for each of its runners, samples in any order, of which those of these parts of
    /// the day count.
    ///
    /// # Errors
    /// The number of blocks that every series has, where that is below [`BLOCKS_NEEDED`].
    pub fn of(series: &[&[TimedSample]], length: BlockLength, parts: &DayParts) -> Result<Self, usize> {
        let mut of_series = series.iter().map(|samples| blocks(samples, length, parts));
        let mut common: BTreeMap<i64, (f64, usize)> = of_series
            .next()
            .unwrap_or_default()
            .into_iter()
            .map(|(block, found)| (block, (found.median, found.runs)))
            .collect();
        for mut others in of_series {
            common.retain(|block, (sum, runs)| {
                let other = others.remove(block);
                *sum += other.map_or(0.0, |found| found.median);
                *runs += other.map_or(0, |found| found.runs);
                other.is_some()
            });
        }
        if common.len() < BLOCKS_NEEDED {
            return Err(common.len());
        }
        let middles: Vec<f64> = common.values().map(|(sum, _)| sum / series.len() as f64).collect();
        let spread = Spread::of(middles.iter());
        Ok(Self {
            log: spread.mean,
            variance: spread.variance / spread.count,
            blocks: common.len(),
            runs: common.values().map(|(_, runs)| runs).sum(),
        })
    }

    /// The geometric mean of its block medians.
    pub fn median(&self) -> f64 {
        self.log.exp()
    }

    /// The interval of the median, at the confidence of the quantiles.
    pub fn interval(&self, quantiles: &mut TQuantiles) -> Interval {
        let Interval { low, high } = self.log_interval(quantiles);
        Interval { low: low.exp(), high: high.exp() }
    }

    /// The same of its logarithm.
    pub fn log_interval(&self, quantiles: &mut TQuantiles) -> Interval {
        around(self.log, self.variance, self.blocks, quantiles)
    }

    /// True if the two differ by Welch's t, at the confidence of the quantiles.
    pub fn differs(&self, other: &Self, quantiles: &mut TQuantiles) -> bool {
        let both = self.variance + other.variance;
        let degrees = both.powi(2)
            / (self.variance.powi(2) / (self.blocks - 1) as f64
                + other.variance.powi(2) / (other.blocks - 1) as f64);
        let apart = (self.log - other.log).abs();
        // Without any noise there are no degrees of freedom to be known.
        if degrees.is_finite() {
            apart > (quantiles.of(degrees) * both.sqrt()).max(RESOLUTION)
        } else {
            apart > RESOLUTION
        }
    }
}

/// The parts of the day in which a model is measured: those with at least a quarter of the runs of its fullest one.
pub fn day_parts<'a>(samples: impl Iterator<Item = &'a TimedSample>) -> DayParts {
    series_blocks::hours_of(samples)
}

/// Student's interval of a mean of logarithms.
fn around(log: f64, variance: f64, blocks: usize, quantiles: &mut TQuantiles) -> Interval {
    let reach = (quantiles.of((blocks - 1) as f64) * variance.sqrt()).max(RESOLUTION);
    Interval { low: log - reach, high: log + reach }
}

/// Blocks without the usual day taken out of them, as a comparison does: over a week it takes a part of the noise out of the
/// days with it, and simulated intervals then hold the truth in 92 to 94 % instead of 95 %.
fn blocks(samples: &[TimedSample], length: BlockLength, parts: &DayParts) -> BTreeMap<i64, MedianBlock> {
    let counts = |sample: &&TimedSample| parts[series_blocks::hour(sample.slot)];
    let logs = series_blocks::logarithms(samples.iter().filter(counts));
    series_blocks::blocks(logs, length, &[0.0; SLOTS])
}

/// The interval of the plain median of samples of a short window: by blocks of 3 hours where there are enough of them, else
/// by order statistics, which need 6 samples and know nothing of the load that neighbours share. It holds the median itself.
/// Samples are moments in milliseconds and values above 0, in the order of their values.
pub fn median_interval_of_day(
    sorted: &[(i64, f64)],
    confidence: f64,
    quantiles: &mut TQuantiles,
) -> Option<Interval> {
    let mut of_slot: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for (at, value) in sorted.iter().filter(|(_, value)| *value > 0.0 && value.is_finite()) {
        of_slot.entry(slot_of(*at)).or_default().push(*value);
    }
    let mut counts: Vec<f64> = of_slot.values().map(|values| values.len() as f64).collect();
    counts.sort_unstable_by(f64::total_cmp);
    let least = percentile(&counts, 50.0) / 2.0;
    let whole = of_slot.values().filter(|values| values.len() as f64 >= least);
    let middles: Vec<f64> = whole.map(|values| percentile(values, 50.0).ln()).collect();
    let values: Vec<f64> = sorted.iter().map(|(_, value)| *value).collect();
    if middles.len() < BLOCKS_NEEDED {
        return median_interval(&values, confidence);
    }
    let spread = Spread::of(middles.iter());
    let middle = percentile(&values, 50.0).ln();
    let Interval { low, high } = around(middle, spread.variance / spread.count, middles.len(), quantiles);
    middle.is_finite().then(|| Interval { low: low.exp(), high: high.exp() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000;

    const WHOLE: DayParts = [true; SLOTS];

    /// Hourly samples of these days.
    fn days(first: i64, values: &[f64]) -> Vec<TimedSample> {
        let hours = (0..values.len() as i64 * 24).map(|hour| (hour, values[(hour / 24) as usize]));
        hours.map(|(hour, value)| TimedSample::new((first * 24 + hour) * HOUR, value)).collect()
    }

    fn level(series: &[&[TimedSample]]) -> Result<MeasuredLevel, usize> {
        MeasuredLevel::of(series, BlockLength::Day, &WHOLE)
    }

    #[test]
    fn the_interval_is_students() {
        let samples = days(7, &[0.0, 0.1, 0.2, 0.5].map(f64::exp));
        let found = level(&[&samples]).unwrap();
        // Mean 0.2, variance 0.04667 of a day: 0.2 ± t(3) × 0.10801.
        let reach = 3.182_446 * (0.14_f64 / 3.0 / 4.0).sqrt();
        let Interval { low, high } = found.interval(&mut TQuantiles::two_sided(0.95));
        assert!((found.median().ln() - 0.2).abs() < 1e-9, "{found:?}");
        assert!((low.ln() - (0.2 - reach)).abs() < 1e-5 && (high.ln() - (0.2 + reach)).abs() < 1e-5);
        assert_eq!((found.blocks, found.runs), (4, 96));
    }

    #[test]
    fn days_that_a_runner_lacks_do_not_count() {
        let (near, far) = (days(0, &[1.0, 1.0, 9.0, 1.0]), days(0, &[4.0, 4.0]));
        assert_eq!(level(&[&near, &far]), Err(2));
        assert_eq!(level(&[]), Err(0));
        let far = [far, days(3, &[4.0])].concat();
        let found = level(&[&near, &far]).unwrap();
        assert!((found.median() - 2.0).abs() < 1e-9, "{found:?}");
        assert_eq!((found.blocks, found.runs), (3, 144));
    }

    #[test]
    fn only_these_parts_of_the_day_count() {
        let mut samples = days(0, &[1.0; 4]);
        let mut parts = WHOLE;
        parts[7] = false;
        samples.iter_mut().filter(|one| one.slot % 8 == 7).for_each(|one| one.value = 50.0);
        let found = MeasuredLevel::of(&[&samples], BlockLength::Day, &parts).unwrap();
        assert!((found.median() - 1.0).abs() < 1e-9, "{found:?}");
        assert_eq!(found.runs, 4 * 21);
    }

    #[test]
    fn welchs_t_tells_two_levels_apart() {
        let at = |factor: f64| level(&[&days(0, &[0.9, 1.0, 1.1, 1.0].map(|value| value * factor))]).unwrap();
        let mut quantiles = TQuantiles::two_sided(0.95);
        assert!(!at(1.0).differs(&at(1.1), &mut quantiles) && at(1.3).differs(&at(1.0), &mut quantiles));
        let still = |factor: f64| level(&[&days(0, &[factor; 4])]).unwrap();
        assert!(still(1.0).differs(&still(1.01), &mut quantiles));
        assert!(!still(1.0).differs(&still(1.0), &mut quantiles));
    }

    /// So many samples in each of the first slots.
    fn day(of_slot: &[&[f64]]) -> Vec<(i64, f64)> {
        let mut samples: Vec<(i64, f64)> = of_slot
            .iter()
            .zip(0..)
            .flat_map(|(values, slot)| values.iter().map(move |value| (slot * 3 * HOUR, *value)))
            .collect();
        samples.sort_unstable_by(|one, other| one.1.total_cmp(&other.1));
        samples
    }

    fn of_day(samples: &[(i64, f64)]) -> Option<Interval> {
        median_interval_of_day(samples, 0.95, &mut TQuantiles::two_sided(0.95))
    }

    #[test]
    fn a_day_has_an_interval_by_blocks_else_by_order_statistics_else_none() {
        let blocks = of_day(&day(&[&[1.0, 2.0, 4.0], &[2.0; 3], &[2.0; 3], &[8.0]])).unwrap();
        // The last slot has less than half of what is usual, and three equal blocks do not scatter.
        assert!((blocks.low - 2.0).abs() < 1e-6 && (blocks.high - 2.0).abs() < 1e-6, "{blocks:?}");
        let few = day(&[&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]]);
        assert_eq!(of_day(&few), Some(Interval { low: 1.0, high: 6.0 }));
        assert_eq!(of_day(&few[1..]), None);
        assert_eq!(of_day(&[]), None);
    }

    proptest! {
        #[test]
        fn the_interval_of_a_day_holds_its_median(
            mut samples in prop::collection::vec((0..24 * HOUR, 1e-3..1e3_f64), 0..120),
        ) {
            samples.sort_unstable_by(|one, other| one.1.total_cmp(&other.1));
            let values: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
            let middle = percentile(&values, 50.0);
            if let Some(Interval { low, high }) = of_day(&samples) {
                prop_assert!(low <= middle && middle <= high);
            } else {
                prop_assert!(samples.len() < 6);
            }
        }

        #[test]
        fn levels_move_with_their_samples(
            values in prop::collection::vec(0.1..10.0_f64, 3..12), factor in 0.1..10.0_f64,
        ) {
            let found = level(&[&days(0, &values)]).unwrap();
            let scaled: Vec<f64> = values.iter().map(|value| value * factor).collect();
            let moved = level(&[&days(0, &scaled)]).unwrap();
            prop_assert!((moved.median() / found.median() / factor - 1.0).abs() < 1e-9);
            let mut quantiles = TQuantiles::two_sided(0.95);
            let (one, other) = (found.interval(&mut quantiles), moved.interval(&mut quantiles));
            prop_assert!((other.low / one.low / factor - 1.0).abs() < 1e-6);
            prop_assert!(one.low <= found.median() && found.median() <= one.high);
        }
    }
}
