//! How much a series scatters, from its stored blocks: what a plan needs to know of it. Pure.

use crate::domain::median::median;
use crate::domain::series_block::SLOTS_OF_DAY;

/// Pairs of blocks below which nothing is known: about four days.
const LEAST_PAIRS: usize = 24;

/// From a median absolute deviation to a standard deviation.
const OF_NORMAL: f64 = 1.482_6;

/// Differences beyond so many standard deviations are no scatter: the level moved, or one of the two blocks is an outlier.
const CLIP: f64 = 3.5;

/// The part of the scatter of blocks that more runs in each do not lessen. Blocks do not tell it while all have as many
/// runs, so half is taken for it.
const OF_BLOCKS: f64 = 0.5;

/// No series scatters less: a variance.
const LEAST: f64 = 1e-6;

/// A block of 3 hours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseBlock {
    pub slot: i64,
    pub ln_median: f64,
    pub samples: u32,
}

/// The scatter of a series' blocks, as variances of logarithms: relative ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockNoise {
    /// Of block medians at the same hours of neighbouring days.
    variance: f64,
    /// Samples in these blocks.
    samples: f64,
    /// Samples in a block of the last days: what the series has now.
    pub recent_samples: f64,
}

impl BlockNoise {
    /// Of blocks in ascending order of slots; those from `recent_from` on are recent. `None` if there are too few. Each is
    /// held against that of the same hour a day before, so neither the hours of the day nor a level that moved once count.
    pub fn of(blocks: &[NoiseBlock], recent_from: i64) -> Option<Self> {
        let day_before = |block: &NoiseBlock| {
            let slot = block.slot - SLOTS_OF_DAY;
            blocks.binary_search_by_key(&slot, |block| block.slot).ok().map(|place| blocks[place])
        };
        let pairs: Vec<(NoiseBlock, NoiseBlock)> =
            blocks.iter().filter_map(|block| Some((*block, day_before(block)?))).collect();
        if pairs.len() < LEAST_PAIRS {
            return None;
        }
        let mut sizes: Vec<f64> =
            pairs.iter().map(|(one, other)| (one.ln_median - other.ln_median).abs()).collect();
        let limit = CLIP * OF_NORMAL * median(&mut sizes)?;
        sizes.retain(|size| *size <= limit);
        let squares: f64 = sizes.iter().map(|size| size * size).sum();
        let shares = pairs.iter().flat_map(|(one, other)| [one.samples, other.samples]);
        let shares: f64 = shares.map(|samples| 1.0 / f64::from(samples.max(1))).sum();
        let samples = 2.0 * pairs.len() as f64 / shares;
        let recent = blocks.iter().filter(|block| block.slot >= recent_from);
        let mut recent: Vec<f64> = recent.map(|block| f64::from(block.samples.max(1))).collect();
        Some(Self {
            variance: (squares / sizes.len().max(1) as f64 / 2.0).max(LEAST),
            samples,
            recent_samples: median(&mut recent).unwrap_or(samples),
        })
    }

    /// The variance of a block with so many runs.
    pub fn variance(&self, runs: f64) -> f64 {
        self.variance * (OF_BLOCKS + (1.0 - OF_BLOCKS) * self.samples / runs)
    }

    /// The noisier of two figures of one series.
    #[must_use]
    pub fn or_worse(self, other: Self) -> Self {
        if other.variance > self.variance { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::synthetic_series::normal;

    fn blocks(days: i64, noise: f64, level: impl Fn(i64) -> f64, samples: u32) -> Vec<NoiseBlock> {
        let mut state = 7;
        (0..days * SLOTS_OF_DAY)
            .map(|slot| NoiseBlock { slot, ln_median: level(slot) + noise * normal(&mut state), samples })
            .collect()
    }

    #[test]
    fn hours_of_the_day_and_a_level_that_moved_are_no_noise() {
        let plain = BlockNoise::of(&blocks(28, 0.1, |_| 0.0, 6), 0).unwrap();
        let deviation = plain.variance(6.0).sqrt();
        assert!((0.085..0.115).contains(&deviation), "{deviation}");
        let moved = |slot: i64| if slot < 100 { 0.0 } else { 1.0 } + f64::from((slot % 8) as i32);
        let same = BlockNoise::of(&blocks(28, 0.1, moved, 6), 0).unwrap();
        assert!((same.variance(6.0).sqrt() - deviation).abs() < 0.02, "{same:?}");
    }

    #[test]
    fn more_runs_lessen_half_of_it() {
        let noise = BlockNoise::of(&blocks(28, 0.1, |_| 0.0, 6), 0).unwrap();
        let half = noise.variance(3.0) / noise.variance(6.0);
        assert!((half - 1.5).abs() < 1e-9 && (noise.variance(1e9) / noise.variance(6.0) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn what_a_block_has_now_is_that_of_the_last_days() {
        let mut rarer = blocks(28, 0.1, |_| 0.0, 6);
        rarer.iter_mut().filter(|block| block.slot >= 20 * 8).for_each(|block| block.samples = 3);
        assert_eq!(BlockNoise::of(&rarer, 20 * 8).unwrap().recent_samples, 3.0);
        assert_eq!(BlockNoise::of(&rarer, 12 * 8).unwrap().recent_samples, 4.5);
    }

    #[test]
    fn a_few_days_say_nothing() {
        assert_eq!(BlockNoise::of(&blocks(3, 0.1, |_| 0.0, 6), 0), None);
        assert!(BlockNoise::of(&blocks(4, 0.1, |_| 0.0, 6), 0).is_some());
        assert_eq!(BlockNoise::of(&[], 0), None);
        let still = BlockNoise::of(&blocks(9, 0.0, |_| 2.0, 6), 0).unwrap();
        assert!(still.variance(6.0) > 0.0 && still.variance(6.0) < 1e-5);
    }
}
