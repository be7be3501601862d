//! The blocks of one series: which samples count, and their medians.

use super::{BlockLength, DayParts, SLOTS, SeriesSamples, Spread, TimedSample};
use crate::measure::stats::percentile;
use std::collections::BTreeMap;

/// The part of the fullest hours' runs that hours of the day need to count as hours that a side has.
const HOURS_SHARE: f64 = 0.25;

/// A block of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MedianBlock {
    pub runs: usize,
    /// The logarithm of the median.
    pub median: f64,
}

/// The blocks of a series on either side.
#[derive(Debug, PartialEq)]
pub struct SeriesBlocks {
    pub model: usize,
    pub sides: [BTreeMap<i64, MedianBlock>; 2],
    pub other_hours: [usize; 2],
    /// True if the sides have no hours of the day in common.
    pub apart: bool,
    /// The middle of the two sides' means. Which side comes first makes no difference to it.
    pub level: f64,
}

impl SeriesBlocks {
    pub fn of(series: &SeriesSamples, length: BlockLength) -> Self {
        let [a, b] = [0, 1].map(|side| hours_of(series.sides[side].iter()));
        let mut shared: DayParts = [false; SLOTS];
        for (slot, shared) in shared.iter_mut().enumerate() {
            *shared = a[slot] && b[slot];
        }
        let apart = shared == [false; SLOTS];
        let counts = |sample: &&TimedSample| apart || shared[hour(sample.slot)];
        let kept = [0, 1].map(|side| logarithms(series.sides[side].iter().filter(counts)));
        let other_hours = [0, 1].map(|side| series.sides[side].len() - kept[side].len());
        let usual = if length == BlockLength::Day && !apart { usual_day(&kept) } else { [0.0; SLOTS] };
        let sides = kept.map(|samples| blocks(samples, length, &usual));
        let mean = |side: usize| Spread::of(sides[side].values().map(|block| &block.median)).mean;
        let level = f64::midpoint(mean(0), mean(1));
        Self { model: series.model, sides, other_hours, apart, level }
    }
}

/// The logarithms of samples.
pub fn logarithms<'a>(samples: impl Iterator<Item = &'a TimedSample>) -> Vec<LogSample> {
    samples.map(|sample| (sample.slot, sample.value.ln())).collect()
}

pub fn hour(slot: i64) -> usize {
    slot.rem_euclid(SLOTS as i64) as usize
}

/// The hours of the day that a side has: a single run at night does not make it a side that was measured at night.
pub fn hours_of<'a>(samples: impl Iterator<Item = &'a TimedSample>) -> DayParts {
    let mut counted = [0_usize; SLOTS];
    for sample in samples {
        counted[hour(sample.slot)] += 1;
    }
    let most = counted.iter().max().copied().unwrap_or(0) as f64;
    counted.map(|count| count > 0 && count as f64 >= most * HOURS_SHARE)
}

/// A sample with the logarithm of its value.
pub type LogSample = (i64, f64);

/// How the hours of the day differ from their mean: the middle of both sides' medians, so that whatever lies between the
/// sides stays as it is. Without it a day of which the window has a part would be a day of other hours.
///
/// For blocks of 3 hours this would not do: each hour of a short window has hardly more than one block on either side,
/// which its own middle would turn into mirror images.
fn usual_day(sides: &[Vec<LogSample>; 2]) -> [f64; SLOTS] {
    let median = |samples: &Vec<LogSample>, wanted: usize| {
        let mut logs: Vec<f64> =
            samples.iter().filter(|(slot, _)| hour(*slot) == wanted).map(|(_, log)| *log).collect();
        logs.sort_unstable_by(f64::total_cmp);
        percentile(&logs, 50.0)
    };
    let of_hour: [f64; SLOTS] =
        std::array::from_fn(|hour| f64::midpoint(median(&sides[0], hour), median(&sides[1], hour)));
    // Hours that a side does not have are no numbers.
    let mean = Spread::of(of_hour.iter().filter(|middle| middle.is_finite())).mean;
    of_hour.map(|middle| if middle.is_finite() { middle - mean } else { 0.0 })
}

/// The medians of blocks, relative to the usual day. A block that has less than half the usual number of samples is left
/// out.
pub fn blocks(
    mut samples: Vec<LogSample>,
    length: BlockLength,
    usual: &[f64; SLOTS],
) -> BTreeMap<i64, MedianBlock> {
    let block = |sample: &LogSample| length.block(sample.0);
    samples.iter_mut().for_each(|(slot, log)| *log -= usual[hour(*slot)]);
    samples.sort_unstable_by(|one, other| block(one).cmp(&block(other)).then(one.1.total_cmp(&other.1)));
    let groups: Vec<&[LogSample]> = samples.chunk_by(|one, other| block(one) == block(other)).collect();
    let mut counts: Vec<f64> = groups.iter().map(|group| group.len() as f64).collect();
    counts.sort_unstable_by(f64::total_cmp);
    let least = percentile(&counts, 50.0) / 2.0;
    let whole = groups.into_iter().filter(|group| group.len() as f64 >= least);
    let median = |group: &[LogSample]| {
        let logs: Vec<f64> = group.iter().map(|(_, log)| *log).collect();
        MedianBlock { runs: group.len(), median: percentile(&logs, 50.0) }
    };
    whole.map(|group| (block(&group[0]), median(group))).collect()
}
