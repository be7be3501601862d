//! The blocks of a series: made of samples, those that count, and the days that they reach over.

use super::{LevelBlock, LevelShift, SLOTS};
pub use crate::domain::series_block::day_of_slot as day;
use crate::domain::series_block::slot_of;
use crate::measure::stats::percentile;

/// Days for which a baseline is kept. They are counted from 1970, so every look divides time alike.
pub const REFRESH_DAYS: i64 = 4;

/// No number has a larger logarithm.
const LARGEST_LOG: f64 = 750.0;

/// Days with blocks that a series needs before it is watched: 14 that say how much days scatter, and 3 to look at.
pub const LEAST_DAYS: usize = 17;

/// Blocks of samples in ascending order of time: moment in milliseconds since 1970, value. Values that have no logarithm are
/// left out.
pub fn level_blocks(samples: impl IntoIterator<Item = (i64, f64)>) -> Vec<LevelBlock> {
    let logs = samples.into_iter().map(|(at, value)| (slot_of(at), value.ln()));
    let mut logs: Vec<(i64, f64)> = logs.filter(|(_, log)| log.is_finite()).collect();
    logs.sort_unstable_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
    let block = |group: &[(i64, f64)]| {
        let values: Vec<f64> = group.iter().map(|(_, log)| *log).collect();
        let samples = u32::try_from(values.len()).unwrap_or(u32::MAX);
        LevelBlock { slot: group[0].0, ln_median: percentile(&values, 50.0), samples }
    };
    logs.chunk_by(|one, other| one.0 == other.0).map(block).collect()
}

/// The days for which a slot's baseline is kept.
pub fn period(slot: i64) -> i64 {
    day(slot).div_euclid(REFRESH_DAYS)
}

/// The first slot of a period.
pub fn period_start(period: i64) -> i64 {
    period * REFRESH_DAYS * SLOTS
}

/// The blocks that count: in order, numbers, and with at least half as many samples as blocks of the period before had. So
/// a block of which most samples are missing, perhaps because they were slow, says nothing, and a series that is measured
/// more rarely from now on is back after a few days.
pub fn counted(blocks: &[LevelBlock]) -> Vec<LevelBlock> {
    let usable = |block: &&LevelBlock| block.ln_median.abs() < LARGEST_LOG && block.samples > 0;
    let mut counted: Vec<LevelBlock> = Vec::with_capacity(blocks.len());
    let mut samples: Vec<u32> = Vec::new();
    let (mut current, mut usual, mut last) = (i64::MIN, 0, i64::MIN);
    for block in blocks.iter().filter(usable) {
        if block.slot <= last {
            continue;
        }
        let period = period(block.slot);
        if period != current {
            usual = if current.checked_add(1) == Some(period) { middle(&mut samples) } else { 0 };
            samples.clear();
            current = period;
        }
        last = block.slot;
        samples.push(block.samples);
        if block.samples.saturating_mul(2) >= usual {
            counted.push(*block);
        }
    }
    counted
}

/// Days from a slot on with blocks that count: a baseline is made of them, and [`LEAST_DAYS`] are needed.
pub fn days_with_blocks(blocks: &[LevelBlock], from: i64) -> usize {
    let counted = counted(blocks);
    let first = counted.partition_point(|block| block.slot < from);
    counted[first..].chunk_by(|one, other| day(one.slot) == day(other.slot)).count()
}

fn middle(samples: &mut [u32]) -> u32 {
    let half = samples.len() / 2;
    if samples.is_empty() { 0 } else { *samples.select_nth_unstable(half).1 }
}

/// The blocks that have to do with the level of today: recent, and not of a change that has ended.
pub fn of_level(blocks: &[LevelBlock], from: i64, shifts: &[LevelShift]) -> Vec<LevelBlock> {
    let start = blocks.partition_point(|block| block.slot < from);
    let mut kept = blocks[start..].to_vec();
    for (shift, ended) in shifts.iter().filter_map(|shift| Some((shift, shift.ended?))) {
        let over = shift.began.slot..ended.slot;
        if over.end > from {
            kept.retain(|block| !over.contains(&block.slot));
        }
    }
    kept
}

/// The first slots of levels: the starts of changes that have not ended, oldest first.
pub fn level_starts(shifts: &[LevelShift]) -> Vec<i64> {
    let mut starts: Vec<i64> =
        shifts.iter().filter(|shift| shift.ended.is_none()).map(|shift| shift.began.slot).collect();
    starts.sort_unstable();
    starts
}
