//! How often each of two sides failed, and whether the shares differ. Pure arithmetic.
//!
//! A figure is known of answers only, so a side that fails where it is slow looks faster than it is: the shares stand
//! beside every comparison. Their difference has Newcombe's interval, made of Wilson's two. Failures come in outages, so
//! an attempt is no independent trial: both intervals are those of fewer attempts, by the factor by which failures
//! scatter more between blocks of time than independent ones would, with Student's t for the number of blocks.

use super::block_comparison::{BLOCKS_NEEDED, BlockLength};
use super::student_t::t_quantile;
use crate::domain::interval::Interval;
use std::collections::BTreeMap;

/// Attempts, and failures among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttemptCount {
    pub attempts: u64,
    pub failures: u64,
}

impl AttemptCount {
    /// Failures by attempts; `None` without attempts.
    pub fn share(self) -> Option<f64> {
        (self.attempts > 0).then(|| self.failures as f64 / self.attempts as f64)
    }

    pub fn add(&mut self, other: Self) {
        self.attempts += other.attempts;
        self.failures += other.failures;
    }
}

/// Attempts by the 3 hours in which they began ([`crate::domain::series_block::slot_of`]).
pub type AttemptsBySlot = BTreeMap<i64, AttemptCount>;

/// The failures of both sides.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FailureShares {
    /// A's, then B's.
    pub sides: [AttemptCount; 2],
    /// The interval of B's share minus A's; `None` with too few blocks of time.
    pub difference: Option<Interval>,
}

impl FailureShares {
    /// Counts both sides, and compares them at `confidence` (between 0 and 1).
    pub fn of(sides: [&AttemptsBySlot; 2], confidence: f64) -> Self {
        let length = BlockLength::spanned(sides[0].keys().copied());
        let length = length.min(BlockLength::spanned(sides[1].keys().copied()));
        let blocks = sides.map(|side| blocks(side, length));
        let counted = [0, 1].map(|side: usize| total(&blocks[side]));
        let enough = blocks.iter().all(|side| side.len() >= BLOCKS_NEEDED);
        let difference = enough.then(|| {
            let scatter = blocks.iter().map(|side| scatter(side)).fold(1.0, f64::max);
            let degrees = blocks.iter().map(|side| side.len() as f64 - 1.0).sum();
            newcombe(counted, scatter, t_quantile(f64::midpoint(1.0, confidence), degrees))
        });
        Self { sides: counted, difference }
    }

    /// True if B fails more often, false if A does; `None` if that is not certain.
    pub fn more_at_b(&self) -> Option<bool> {
        let Interval { low, high } = self.difference?;
        (low > 0.0 || high < 0.0).then_some(low > 0.0)
    }
}

fn blocks(side: &AttemptsBySlot, length: BlockLength) -> Vec<AttemptCount> {
    let mut found: BTreeMap<i64, AttemptCount> = BTreeMap::new();
    for (slot, count) in side {
        found.entry(length.block(*slot)).or_default().add(*count);
    }
    found.into_values().filter(|count| count.attempts > 0).collect()
}

fn total(blocks: &[AttemptCount]) -> AttemptCount {
    blocks.iter().fold(AttemptCount::default(), |mut sum, block| {
        sum.add(*block);
        sum
    })
}

/// The variance of failures between blocks, as a multiple of that of independent ones. A side on which all attempts
/// ended alike says nothing of it.
fn scatter(blocks: &[AttemptCount]) -> f64 {
    let share = total(blocks).share().unwrap_or(0.0);
    if share <= 0.0 || share >= 1.0 || blocks.len() < 2 {
        return 1.0;
    }
    let squares = blocks.iter().map(|block| {
        let attempts = block.attempts as f64;
        (block.failures as f64 - attempts * share).powi(2) / (attempts * share * (1.0 - share))
    });
    squares.sum::<f64>() / (blocks.len() - 1) as f64
}

/// Newcombe's interval of B's share minus A's (method 10), with attempts that count for less by `scatter`.
fn newcombe(sides: [AttemptCount; 2], scatter: f64, quantile: f64) -> Interval {
    let share = sides.map(|side| side.share().unwrap_or(0.0));
    let [a, b] =
        [0, 1].map(|side: usize| wilson(share[side], sides[side].attempts as f64 / scatter, quantile));
    let found = share[1] - share[0];
    let below = (share[1] - b.low).hypot(a.high - share[0]);
    let above = (b.high - share[1]).hypot(share[0] - a.low);
    Interval { low: (found - below).max(-1.0), high: (found + above).min(1.0) }
}

/// Wilson's interval of a share.
fn wilson(share: f64, attempts: f64, quantile: f64) -> Interval {
    let square = quantile * quantile / attempts;
    let middle = (share + square / 2.0) / (1.0 + square);
    let reach = (share * (1.0 - share) * square + square * square / 4.0).sqrt() / (1.0 + square);
    Interval { low: (middle - reach).clamp(0.0, share), high: (middle + reach).clamp(share, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::synthetic_series::uniform;
    use proptest::prelude::*;

    fn count(attempts: u64, failures: u64) -> AttemptCount {
        AttemptCount { attempts, failures }
    }

    /// Days of 48 attempts, of which so many failed.
    fn days(failures: &[u64]) -> AttemptsBySlot {
        failures.iter().zip(0..).map(|(failures, day)| (day * 8, count(48, *failures))).collect()
    }

    #[test]
    fn intervals_are_newcombes() {
        // The examples (a) and (c) of Newcombe 1998, table II.
        let found = newcombe([count(80, 48), count(70, 56)], 1.0, 1.959_964);
        assert!((found.low - 0.0524).abs() < 5e-4 && (found.high - 0.3339).abs() < 5e-4, "{found:?}");
        let found = newcombe([count(10, 0), count(10, 0)], 1.0, 1.959_964);
        assert!((found.low + 0.2775).abs() < 5e-4 && (found.high - 0.2775).abs() < 5e-4, "{found:?}");
    }

    #[test]
    fn a_side_that_fails_more_often_is_told() {
        let found = FailureShares::of([&days(&[0; 7]), &days(&[14; 7])], 0.95);
        assert_eq!((found.more_at_b(), found.sides[1].failures), (Some(true), 98));
        assert_eq!(FailureShares::of([&days(&[14; 7]), &days(&[0; 7])], 0.95).more_at_b(), Some(false));
        assert_eq!(FailureShares::of([&days(&[1; 7]), &days(&[2; 7])], 0.95).more_at_b(), None);
        // One outage of a day is no property of the side.
        let outage = FailureShares::of([&days(&[0; 7]), &days(&[0, 0, 0, 48, 0, 0, 0])], 0.95);
        assert_eq!((outage.more_at_b(), outage.sides[1].failures), (None, 48));
        assert_eq!(FailureShares::of([&days(&[0; 1]), &days(&[14; 1])], 0.95).difference, None);
        assert_eq!(FailureShares::of([&days(&[]), &days(&[])], 0.95), FailureShares::default());
    }

    /// How often equal sides are said to differ in 400 weeks of 48 attempts a day: failures that come singly, and those
    /// of which most come in outages of hours.
    #[test]
    fn equal_sides_fail_alike_as_often_as_promised() {
        for outages in [0.0, 0.04] {
            let mut state = 17;
            let mut week = || -> AttemptsBySlot {
                let block = |slot| {
                    let share = if uniform(&mut state) < outages { 0.6 } else { 0.02 };
                    let failures = (0..6).filter(|_| uniform(&mut state) < share).count() as u64;
                    (slot, count(6, failures))
                };
                (0..56).map(block).collect()
            };
            let told = (0..400).filter(|_| {
                let (a, b) = (week(), week());
                FailureShares::of([&a, &b], 0.95).more_at_b().is_some()
            });
            let told = told.count() as f64 / 400.0;
            assert!(told <= 0.072, "{told} with outages {outages}");
        }
    }

    proptest! {
        #[test]
        fn sides_swapped_mirror_the_interval(
            a in prop::collection::vec(0..=48_u64, 0..12), b in prop::collection::vec(0..=48_u64, 0..12),
            confidence in 0.5..0.9999_f64,
        ) {
            let (a, b) = (days(&a), days(&b));
            let found = FailureShares::of([&a, &b], confidence);
            let swapped = FailureShares::of([&b, &a], confidence);
            prop_assert_eq!(found.sides[0], swapped.sides[1]);
            prop_assert_eq!(found.difference.is_some(), swapped.difference.is_some());
            if let (Some(found), Some(swapped)) = (found.difference, swapped.difference) {
                prop_assert!((found.low + swapped.high).abs() < 1e-9 && (found.high + swapped.low).abs() < 1e-9);
                prop_assert!(found.low <= found.high && found.low >= -1.0 && found.high <= 1.0);
            }
        }
    }
}
