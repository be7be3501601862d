//! Compares two sets of samples: medians, their ratio and its interval. Pure arithmetic over `f64`; the command
//! decides which rows count and which of them are compared.
//!
//! Samples come in blocks, one per model, and a block counts if both sides have enough samples. The ratio of a block
//! is that of its medians, B's over A's; the overall ratio is the geometric mean of the blocks' ratios, equally
//! weighted. Thus a side is not faster merely because it has more runs of a fast model.
//!
//! The interval is the percentile bootstrap, stratified: in each of [`RESAMPLES`] rounds every block's samples are
//! drawn again with replacement, on either side, and the ratio is recomputed. BCa would be second-order better for
//! smooth statistics, but its acceleration comes from leaving out one sample at a time, which hardly ever moves a
//! median; for medians the plain percentiles keep their coverage, as the simulations below show. Runs of one model
//! are taken as independent: slow changes, over hours, make a true interval somewhat wider.

use super::metrics::{BetterDirection, Unit};
use super::stats::{INTERVAL_MINIMUM, Interval, draw, percentile};

/// A figure of stored runs that can be compared.
#[derive(Debug, PartialEq)]
pub struct ComparedMetric {
    /// The name on the command line, that of [`super::metrics::METRICS`].
    pub key: &'static str,
    /// The name in JSON.
    pub name: &'static str,
    /// The row field that holds the figure.
    pub field: &'static str,
    /// The name in tables.
    pub title: &'static str,
    pub unit: Unit,
    pub better: BetterDirection,
}

/// Every figure, in display order.
pub const FIGURES: [ComparedMetric; 5] = [
    figure("ttft", "ttft", "time_to_first_token", "TTFT", Unit::Seconds),
    figure("tps", "tokens_per_second", "tokens_per_second", "tokens/s, end to end", Unit::Rate),
    figure(
        "visible_tps",
        "visible_tokens_per_second",
        "visible_tokens_per_second",
        "tokens/s, visible",
        Unit::Rate,
    ),
    figure("itl", "inter_token_latency", "inter_token_latency", "inter-token latency", Unit::Seconds),
    figure("total", "generate_time", "generate_time", "total", Unit::Seconds),
];

const fn figure(
    key: &'static str,
    name: &'static str,
    field: &'static str,
    title: &'static str,
    unit: Unit,
) -> ComparedMetric {
    let better = if matches!(unit, Unit::Seconds) { BetterDirection::Lower } else { BetterDirection::Higher };
    ComparedMetric { key, name, field, title, unit, better }
}

/// Bootstrap rounds; fewer, down to a fifth, for more than 10,000 samples.
pub const RESAMPLES: usize = 2_000;

/// A fixed seed: the same data give the same interval on every machine.
pub const SEED: u64 = 20_261_101;

/// Sample count per side below which an interval is reported as rough.
pub const ROUGH: usize = 20;

/// One model's samples on both sides, in ascending order, all above 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SampleBlock {
    pub a: Vec<f64>,
    pub b: Vec<f64>,
}

impl SampleBlock {
    /// True if both sides have enough samples to count.
    pub fn counts(&self) -> bool {
        self.a.len().min(self.b.len()) >= INTERVAL_MINIMUM
    }

    /// The medians, A's first; `None` if a side has no sample.
    pub fn medians(&self) -> Option<(f64, f64)> {
        let both = !self.a.is_empty() && !self.b.is_empty();
        both.then(|| (percentile(&self.a, 50.0), percentile(&self.b, 50.0)))
    }
}

/// The comparison of one figure. With several blocks, medians are geometric means of the blocks' medians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricComparison {
    /// Samples of A that counted.
    pub n_a: usize,
    /// Samples of B that counted.
    pub n_b: usize,
    /// Blocks that counted.
    pub blocks: usize,
    /// The median of A, in the figure's unit.
    pub median_a: f64,
    /// The median of B, in the figure's unit.
    pub median_b: f64,
    /// B's median over A's.
    pub ratio: f64,
    /// The confidence interval of the ratio.
    pub ratio_interval: Interval,
    /// B's median minus A's, in the figure's unit.
    pub difference: f64,
    /// The confidence interval of the difference.
    pub difference_interval: Interval,
    /// Bootstrap rounds that were run.
    pub resamples: usize,
}

impl MetricComparison {
    /// True if the interval excludes 1 and the ratio differs from 1 by at least `least` (0.05 for 5 %).
    pub fn is_real(&self, least: f64) -> bool {
        let Interval { low, high } = self.ratio_interval;
        (low > 1.0 || high < 1.0) && (self.ratio - 1.0).abs() >= least
    }
}

/// Compares the blocks that count, at `confidence` (between 0 and 1). `None` if none counts.
pub fn compare(blocks: &[SampleBlock], confidence: f64, seed: u64) -> Option<MetricComparison> {
    resampled(blocks, confidence, seed, RESAMPLES)
}

fn resampled(blocks: &[SampleBlock], confidence: f64, seed: u64, most: usize) -> Option<MetricComparison> {
    let blocks: Vec<&SampleBlock> = blocks.iter().filter(|block| block.counts()).collect();
    let n_a: usize = blocks.iter().map(|block| block.a.len()).sum();
    let n_b: usize = blocks.iter().map(|block| block.b.len()).sum();
    let (median_a, median_b) = means(blocks.iter().filter_map(|block| block.medians()))?;
    let resamples = (10_000 * most / (n_a + n_b)).clamp(most / 5, most);
    let (mut ratios, mut differences) = (Vec::with_capacity(resamples), Vec::with_capacity(resamples));
    let (mut state, mut times) = (seed, Vec::new());
    for _ in 0..resamples {
        let drawn = blocks.iter().map(|block| {
            let a = resampled_median(&block.a, &mut times, &mut state);
            (a, resampled_median(&block.b, &mut times, &mut state))
        });
        let (a, b) = means(drawn)?;
        ratios.push(b / a);
        differences.push(b - a);
    }
    Some(MetricComparison {
        n_a,
        n_b,
        blocks: blocks.len(),
        median_a,
        median_b,
        ratio: median_b / median_a,
        ratio_interval: middle(&mut ratios, confidence),
        difference: median_b - median_a,
        difference_interval: middle(&mut differences, confidence),
        resamples,
    })
}

/// The geometric mean of either side; `None` without pairs. The mean of one pair is that pair, to the last digit.
fn means(pairs: impl Iterator<Item = (f64, f64)>) -> Option<(f64, f64)> {
    let (mut count, mut logarithms, mut last) = (0.0, (0.0, 0.0), None);
    for (a, b) in pairs {
        count += 1.0;
        logarithms = (logarithms.0 + a.ln(), logarithms.1 + b.ln());
        last = Some((a, b));
    }
    if count > 1.0 { Some(((logarithms.0 / count).exp(), (logarithms.1 / count).exp())) } else { last }
}

/// The median of a sample of the same size, drawn with replacement. Counting how often each value was drawn avoids
/// sorting; `times` is scratch memory for the counts.
fn resampled_median(sorted: &[f64], times: &mut Vec<u32>, state: &mut u64) -> f64 {
    times.clear();
    times.resize(sorted.len(), 0);
    for _ in sorted {
        times[draw(state, sorted.len())] += 1;
    }
    let (low, high) = ((sorted.len() - 1) / 2, sorted.len() / 2);
    let (mut seen, mut lower) = (0, None);
    for (sample, times) in sorted.iter().zip(times.iter()) {
        seen += *times as usize;
        if seen > low && lower.is_none() {
            lower = Some(*sample);
        }
        if seen > high {
            return (lower.unwrap_or(*sample) + sample) / 2.0;
        }
    }
    f64::NAN
}

/// The central interval that holds the given share of the values.
fn middle(values: &mut [f64], share: f64) -> Interval {
    values.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - share) * 50.0;
    Interval { low: percentile(values, tail), high: percentile(values, 100.0 - tail) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Log-normal samples, roughly like latencies; sums of uniform numbers are normal enough.
    fn latencies(count: usize, median: f64, state: &mut u64) -> Vec<f64> {
        let normal = |state: &mut u64| {
            (0..12).map(|_| draw(state, 1 << 30) as f64 / (1 << 30) as f64).sum::<f64>() - 6.0
        };
        let mut samples: Vec<f64> = (0..count).map(|_| median * (0.35 * normal(state)).exp()).collect();
        samples.sort_unstable_by(f64::total_cmp);
        samples
    }

    fn block(n: usize, medians: (f64, f64), state: &mut u64) -> SampleBlock {
        SampleBlock { a: latencies(n, medians.0, state), b: latencies(n, medians.1, state) }
    }

    /// The share of `trials` simulated comparisons for which `hits` is true.
    fn share(trials: u32, seed: u64, mut hits: impl FnMut(&mut u64) -> bool) -> f64 {
        let mut state = seed;
        f64::from((0..trials).map(|_| u32::from(hits(&mut state))).sum::<u32>()) / f64::from(trials)
    }

    /// Compares with fewer resamples, which makes the ends of an interval a little less certain.
    fn quickly(blocks: &[SampleBlock], confidence: f64) -> MetricComparison {
        resampled(blocks, confidence, SEED, 500).unwrap()
    }

    #[test]
    fn equal_sides_are_called_different_no_more_often_than_promised() {
        for (n, models) in [(5, 1), (8, 1), (20, 1), (60, 1), (12, 4)] {
            let wrong = share(400, 7, |state| {
                let blocks: Vec<SampleBlock> =
                    (1..=models).map(|m| block(n, (f64::from(m), f64::from(m)), state)).collect();
                quickly(&blocks, 0.95).is_real(0.0)
            });
            // The nominal 5 % plus two standard errors of 400 trials.
            assert!(wrong <= 0.072, "{wrong} at n {n} of {models}");
        }
    }

    #[test]
    fn the_interval_holds_the_true_ratio_as_often_as_promised() {
        for (n, ratio, confidence) in [(15, 1.2, 0.9), (30, 0.7, 0.95), (60, 1.5, 0.99)] {
            let held = share(400, 11, |state| {
                let blocks = [block(n, (0.4, 0.4 * ratio), state), block(n, (2.0, 2.0 * ratio), state)];
                let Interval { low, high } = quickly(&blocks, confidence).ratio_interval;
                low <= ratio && ratio <= high
            });
            let margin = 2.0 * (confidence * (1.0 - confidence) / 400.0_f64).sqrt();
            assert!(held >= confidence - margin, "{held} of {confidence} at n {n}");
        }
    }

    #[test]
    fn a_difference_that_is_there_is_found() {
        let found = share(100, 3, |state| quickly(&[block(60, (1.0, 1.4), state)], 0.95).is_real(0.05));
        assert!(found > 0.95, "{found}");
        let small = share(100, 3, |state| quickly(&[block(60, (1.0, 1.02), state)], 0.95).is_real(0.5));
        assert_eq!(small, 0.0);
    }

    #[test]
    fn another_mix_of_models_is_no_difference() {
        let mut state = 5;
        let (fast, slow) = ((40, 10), (10, 40));
        let mixed = [(fast, 0.2), (slow, 2.0)].map(|((a, b), median)| SampleBlock {
            a: latencies(a, median, &mut state),
            b: latencies(b, median, &mut state),
        });
        assert!(!compare(&mixed, 0.95, SEED).unwrap().is_real(0.0));
        let mut whole = SampleBlock::default();
        for block in &mixed {
            whole.a.extend(&block.a);
            whole.b.extend(&block.b);
        }
        whole.a.sort_unstable_by(f64::total_cmp);
        whole.b.sort_unstable_by(f64::total_cmp);
        assert!(compare(&[whole], 0.95, SEED).unwrap().is_real(0.0));
    }

    #[test]
    fn a_side_with_too_few_samples_does_not_count() {
        let few = SampleBlock { a: vec![1.0; 4], b: vec![9.0; 50] };
        let enough = SampleBlock { a: vec![1.0; 5], b: vec![2.0; 6] };
        assert_eq!(compare(std::slice::from_ref(&few), 0.95, SEED), None);
        assert_eq!(compare(&[], 0.95, SEED), None);
        let found = compare(&[few, enough], 0.95, SEED).unwrap();
        assert_eq!((found.n_a, found.n_b, found.blocks, found.ratio, found.difference), (5, 6, 1, 2.0, 1.0));
        assert!(found.is_real(1.0) && !found.is_real(1.1));
    }

    #[test]
    fn medians_of_draws_are_those_of_the_drawn() {
        let sorted = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
        for seed in 0..200 {
            let (mut state, mut times) = (seed, Vec::new());
            let median = resampled_median(&sorted, &mut times, &mut state);
            let mut drawn: Vec<f64> = Vec::new();
            for (sample, times) in sorted.iter().zip(times) {
                drawn.extend(std::iter::repeat_n(*sample, times as usize));
            }
            assert_eq!(median, percentile(&drawn, 50.0));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_same_samples_are_never_different(
            mut a in prop::collection::vec(1e-3..1e3_f64, 5..40), seed: u64, confidence in 0.5..0.9999_f64,
        ) {
            a.sort_unstable_by(f64::total_cmp);
            let found = compare(&[SampleBlock { a: a.clone(), b: a }], confidence, seed).unwrap();
            prop_assert_eq!((found.ratio, found.difference), (1.0, 0.0));
            prop_assert!(found.ratio_interval.low <= 1.0 && 1.0 <= found.ratio_interval.high);
        }

        #[test]
        fn scaled_samples_differ_by_the_scale(
            mut a in prop::collection::vec(1.0..1.5_f64, 5..40), factor in prop_oneof![0.01..0.5_f64, 2.0..50.0_f64], seed: u64,
        ) {
            a.sort_unstable_by(f64::total_cmp);
            let b = a.iter().map(|sample| sample * factor).collect();
            let found = compare(&[SampleBlock { a, b }], 0.99, seed).unwrap();
            prop_assert!((found.ratio / factor - 1.0).abs() < 1e-9);
            prop_assert!(found.is_real(0.1));
            let Interval { low, high } = found.ratio_interval;
            prop_assert!(low <= high && (found.difference > 0.0) == (found.ratio > 1.0));
        }
    }
}
