//! Figures from samples: percentiles, summary, the interval of a median. Pure arithmetic over
//! `f64`; `measure::report` decides which samples count.
//!
//! Percentiles interpolate linearly between the two nearest order statistics (Hyndman and Fan's type 7, the default
//! of NumPy and R): the p-th lies at position `p / 100 × (n − 1)` of the sorted samples. With few samples a high
//! percentile is therefore close to the maximum; that is why `n` stands beside every one.

use crate::domain::interval::Interval;
use serde::Serialize;
use std::fmt;

/// Summary of a set of samples, in the samples' unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SummaryStats {
    /// The number of samples.
    pub n: usize,
    pub mean: f64,
    pub min: f64,
    pub p50: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
    /// Sample standard deviation (divisor n − 1); 0 for one sample.
    pub stddev: f64,
}

impl SummaryStats {
    /// The summary of samples in ascending order; `None` without samples.
    pub fn of_sorted(sorted: &[f64]) -> Option<Self> {
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let at = |p| percentile(sorted, p);
        let mean = mean(sorted);
        let stddev = standard_deviation(sorted, mean);
        Some(Self {
            n: sorted.len(),
            mean,
            min,
            p50: at(50.0),
            p90: at(90.0),
            p95: at(95.0),
            p99: at(99.0),
            max,
            stddev,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    Min,
    Mean,
    /// Percentile, 0 to 100.
    Percentile(f64),
    Max,
    Count,
}

impl Statistic {
    /// The names that people can write; `pNN` stands for any percentile, `p99.9` too.
    pub const NAMES: [&'static str; 8] = ["min", "mean", "p50", "p90", "p95", "p99", "max", "n"];

    /// Parses `min`, `mean`, `max`, `n` or `p` with a number from 0 to 100.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "min" => Some(Statistic::Min),
            "mean" => Some(Statistic::Mean),
            "max" => Some(Statistic::Max),
            "n" => Some(Statistic::Count),
            _ => {
                let digits = name.strip_prefix('p')?;
                let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
                let rank = digits.parse().ok().filter(|rank| (0.0..=100.0).contains(rank))?;
                plain.then_some(Statistic::Percentile(rank))
            }
        }
    }

    /// Its value over samples in ascending order; `None` without samples (a count is 0 then).
    pub fn of_sorted(self, sorted: &[f64]) -> Option<f64> {
        if let Statistic::Count = self {
            return Some(sorted.len() as f64);
        }
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        Some(match self {
            Statistic::Min => min,
            Statistic::Mean => mean(sorted),
            Statistic::Percentile(rank) => percentile(sorted, rank),
            Statistic::Max => max,
            Statistic::Count => sorted.len() as f64,
        })
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Statistic::Min => f.write_str("min"),
            Statistic::Mean => f.write_str("mean"),
            Statistic::Percentile(rank) => write!(f, "p{rank}"),
            Statistic::Max => f.write_str("max"),
            Statistic::Count => f.write_str("n"),
        }
    }
}

/// The percentile `rank` (0 to 100) of samples in ascending order, interpolated; NaN without samples.
pub fn percentile(sorted: &[f64], rank: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = (rank.clamp(0.0, 100.0) / 100.0) * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

/// The mean of samples in ascending order, clamped to the extremes: rounding would otherwise put the mean of equal
/// samples a little above their maximum.
fn mean(sorted: &[f64]) -> f64 {
    let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
    mean.clamp(sorted[0], sorted[sorted.len() - 1])
}

fn standard_deviation(samples: &[f64], mean: f64) -> f64 {
    if samples.len() < 2 {
        return 0.0;
    }
    let squares: f64 = samples.iter().map(|sample| (sample - mean).powi(2)).sum();
    (squares / (samples.len() - 1) as f64).sqrt()
}

/// The interval of the median from two of the samples themselves, as many places from either end; samples are in ascending
/// order. How many samples lie below the median of what they were drawn from is binomial, whatever their distribution, so
/// the interval holds that median with `confidence` or more (exactly, and not for many samples only), as long as samples
/// are independent. `None` where even the extremes are not sure enough: below 6 samples at a confidence of 0.95.
pub fn median_interval(sorted: &[f64], confidence: f64) -> Option<Interval> {
    let places = places_outside(sorted.len(), (1.0 - confidence.clamp(0.0, 1.0)) / 2.0)?;
    Some(Interval { low: sorted[places], high: sorted[sorted.len() - 1 - places] })
}

/// The largest k for which a fair coin shows heads at most k times out of `n` with a chance of no more than `tail`.
fn places_outside(n: usize, tail: f64) -> Option<usize> {
    // Logarithms, because 2^-n is below the smallest number from a thousand samples on.
    let mut log_chance = -(n as f64) * std::f64::consts::LN_2;
    let (mut sum, mut found) = (0.0, None);
    for heads in 0..=n / 2 {
        if heads > 0 {
            log_chance += ((n - heads + 1) as f64 / heads as f64).ln();
        }
        sum += log_chance.exp();
        if sum > tail {
            break;
        }
        found = Some(heads);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn percentiles_interpolate_as_numpy_does() {
        let sorted = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(percentile(&sorted, 50.0), 2.5);
        assert_eq!(percentile(&sorted, 90.0), 3.7);
        assert_eq!(percentile(&sorted, 0.0), 1.0);
        assert_eq!(percentile(&sorted, 100.0), 4.0);
        assert_eq!(percentile(&[7.0], 99.0), 7.0);
        assert!(percentile(&[], 50.0).is_nan());
    }

    #[test]
    fn a_summary_of_nothing_is_none() {
        assert_eq!(SummaryStats::of_sorted(&[]), None);
        let equal = SummaryStats::of_sorted(&[0.016; 20]).unwrap();
        assert_eq!((equal.mean, equal.stddev), (0.016, 0.0));
        let one = SummaryStats::of_sorted(&[3.0]).unwrap();
        assert_eq!((one.n, one.mean, one.stddev, one.max), (1, 3.0, 0.0, 3.0));
    }

    #[test]
    fn mean_and_deviation_are_the_textbooks() {
        let summary = SummaryStats::of_sorted(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert_eq!(summary.mean, 5.0);
        assert!((summary.stddev - 2.138_089_935_299_395).abs() < 1e-12);
    }

    #[test]
    fn places_of_the_median_are_those_of_the_tables() {
        let of = |n| places_outside(n, 0.025);
        // R: qbinom(0.025, n, 0.5) - 1.
        let known = [(6, 0), (8, 0), (9, 1), (10, 1), (15, 3), (20, 5), (30, 9), (50, 17), (100, 39)];
        for (n, places) in known {
            assert_eq!(of(n), Some(places), "{n}");
        }
        assert!((0..6).all(|n| of(n).is_none()));
        // The normal approximation, where 2^-n is no number any more: n/2 - 1.96 √n/2.
        let many = of(1_000_000).unwrap() as f64;
        assert!((many - (500_000.0 - 980.0)).abs() < 3.0, "{many}");
    }

    #[test]
    fn an_interval_of_the_median_has_its_bounds_among_the_samples() {
        let samples: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(median_interval(&samples, 0.95), Some(Interval { low: 6.0, high: 15.0 }));
        assert_eq!(median_interval(&samples[..6], 0.95), Some(Interval { low: 1.0, high: 6.0 }));
        assert_eq!(median_interval(&samples[..5], 0.95), None);
        assert_eq!(median_interval(&[], 0.95), None);
    }

    /// The share of intervals that hold the median of the distribution that samples are drawn from, over many sets.
    fn coverage(n: usize, median: f64, mut draw: impl FnMut(&mut SmallRng) -> f64) -> f64 {
        let (mut random, sets) = (SmallRng::seed_from_u64(20_260_823), 20_000);
        let held = (0..sets).filter(|_| {
            let mut samples: Vec<f64> = (0..n).map(|_| draw(&mut random)).collect();
            samples.sort_unstable_by(f64::total_cmp);
            let Interval { low, high } = median_interval(&samples, 0.95).unwrap();
            low <= median && median <= high
        });
        held.count() as f64 / f64::from(sets)
    }

    #[test]
    fn intervals_of_the_median_hold_it_as_often_as_they_say_also_of_skewed_pairs() {
        // What the order statistics promise, in exact arithmetic; 0.006 is four standard errors of 20,000 sets.
        for (n, promised) in [(6, 0.968_75), (10, 0.978_52), (20, 0.958_61), (50, 0.967_16)] {
            // A connection costs 80 ms. Each half has an exponential wait, one pair in ten a stall of seconds.
            let pair = |random: &mut SmallRng| {
                let mut wait = || -0.2 * (1.0 - random.random::<f64>()).ln();
                let (cold, warm) = (0.080 + wait(), wait());
                let stall =
                    if random.random::<f64>() < 0.1 { 5.0 * (random.random::<f64>() - 0.5) } else { 0.0 };
                cold - warm + stall
            };
            let held = coverage(n, 0.080, pair);
            assert!((held - promised).abs() < 0.006, "{n}: {held}");
            // As skewed as times are: the median of an exponential distribution is ln 2.
            let skewed = |random: &mut SmallRng| -(1.0 - random.random::<f64>()).ln();
            let held = coverage(n, std::f64::consts::LN_2, skewed);
            assert!((held - promised).abs() < 0.006, "{n}: {held}");
        }
    }

    #[test]
    fn statistics_are_read_by_name_and_nothing_else_is() {
        for name in Statistic::NAMES {
            assert_eq!(Statistic::parse(name).unwrap().to_string(), name);
        }
        assert_eq!(Statistic::parse("p99.9"), Some(Statistic::Percentile(99.9)));
        for wrong in ["p101", "p", "p-1", "p1e1", "pinf", "pnan", "median", ""] {
            assert_eq!(Statistic::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        /// More confidence never narrows it, it holds the middle, and it moves with its samples.
        #[test]
        fn an_interval_of_the_median_holds_the_middle(mut samples in prop::collection::vec(-10.0..10.0_f64, 0..200), shift in -5.0..5.0_f64) {
            samples.sort_unstable_by(f64::total_cmp);
            let found = median_interval(&samples, 0.95);
            prop_assert_eq!(found.is_some(), samples.len() >= 6);
            let Some(Interval { low, high }) = found else { return Ok(()) };
            let middle = percentile(&samples, 50.0);
            prop_assert!(low <= middle && middle <= high);
            if let Some(wider) = median_interval(&samples, 0.99) {
                prop_assert!(wider.low <= low && high <= wider.high);
            }
            let moved: Vec<f64> = samples.iter().map(|sample| sample + shift).collect();
            prop_assert_eq!(median_interval(&moved, 0.95), Some(Interval { low: low + shift, high: high + shift }));
        }

        #[test]
        fn percentiles_stay_in_order(mut samples in prop::collection::vec(-1e6..1e6_f64, 1..60)) {
            samples.sort_unstable_by(f64::total_cmp);
            let s = SummaryStats::of_sorted(&samples).unwrap();
            prop_assert!(s.min <= s.p50 && s.p50 <= s.p90 && s.p90 <= s.p95 && s.p95 <= s.p99 && s.p99 <= s.max);
        }
    }
}
