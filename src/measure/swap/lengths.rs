//! Finds steps of the length of answers to a fixed question: a model that was replaced, or its settings, often answer at
//! another length. Lengths vary from answer to answer, so days are compared, by their medians.

use super::fact_block::{BLOCKS_A_DAY, day};
use super::{FoundSwap, SwapTime};
use crate::domain::median::median_of;

/// The fewest days of a baseline, and the most.
const BASELINE: std::ops::RangeInclusive<usize> = 14..=28;
/// The fewest days at the new length, and the most over which its beginning is looked for.
const AFTER: std::ops::RangeInclusive<usize> = 3..=7;
/// Standard errors between the two levels.
const STEP: f64 = 7.0;
/// The smallest step, as a share of the length of before, and in tokens.
const SMALLEST_SHARE: f64 = 0.1;
const SMALLEST_TOKENS: f64 = 2.0;
/// Days after which the length of before is there again.
const BACK: usize = 3;
/// Factor from a median absolute deviation to a standard deviation.
const TO_DEVIATION: f64 = 1.4826;

/// The length of answers in a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LengthBlock {
    /// Number of the block since 1970.
    pub slot: i64,
    /// Median of the tokens of whole answers at temperature 0.
    pub median: f64,
}

/// The steps of the length of answers, from the blocks of whole days in order of time, oldest first.
pub fn find_length_swaps(blocks: &[LengthBlock]) -> Vec<FoundSwap> {
    let days = days(blocks);
    let mut found: Vec<(FoundSwap, f64, f64)> = Vec::new();
    let mut start = 0;
    for last in 0..days.len() {
        if let Some((swap, before, after)) = found.last_mut().filter(|(swap, ..)| swap.ended.is_none()) {
            swap.ended = returned(&days[..=last], swap.alarm_slot, *before, *after);
            if swap.ended.is_some() {
                // The level of before is the baseline again, whatever lay between.
                start = last + 1 - BACK;
            }
        }
        if let Some(step) = step(&days[start..=last]) {
            start += step.place;
            found.push((swap(&days, start, last, &step), step.before, step.after));
        }
    }
    found.into_iter().map(|(swap, ..)| swap).collect()
}

/// The day and its length.
type LengthDay = (i64, f64);

fn days(blocks: &[LengthBlock]) -> Vec<LengthDay> {
    let same_day = |one: &LengthBlock, other: &LengthBlock| day(one.slot) == day(other.slot);
    let of = |blocks: &[LengthBlock]| {
        (day(blocks[0].slot), median_of(blocks.iter().map(|block| block.median)).unwrap_or_default())
    };
    blocks.chunk_by(same_day).map(of).collect()
}

struct LengthStep {
    /// The first day of the new length.
    place: usize,
    before: f64,
    after: f64,
}

/// The clearest step that is certain with the last of these days.
fn step(days: &[LengthDay]) -> Option<LengthStep> {
    let (most, least) = (*AFTER.end(), *AFTER.start());
    let from = days.len().saturating_sub(most).max(*BASELINE.start());
    let candidates = from..=days.len().checked_sub(least)?;
    let steps = candidates.filter_map(|place| {
        let (before, after) = days.split_at(place);
        let before = &before[before.len().saturating_sub(*BASELINE.end())..];
        clear_step(before, after)
            .map(|(clarity, before, after)| (clarity, LengthStep { place, before, after }))
    });
    steps.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, step)| step)
}

/// How many standard errors lie between two levels, and the levels, if it is a step.
fn clear_step(before: &[LengthDay], after: &[LengthDay]) -> Option<(f64, f64, f64)> {
    let (old, new) = (level(before), level(after));
    let deviations = before.iter().map(|(_, length)| (length - old).abs());
    let spread = (TO_DEVIATION * median_of(deviations).unwrap_or_default()).max(0.02 * old).max(0.5);
    let error = spread * (1.0 / before.len() as f64 + 1.0 / after.len() as f64).sqrt();
    let (size, clarity) = ((new - old).abs(), (new - old).abs() / error);
    let big = size >= (SMALLEST_SHARE * old).max(SMALLEST_TOKENS);
    // Each day since must show half of it, so that no single day makes a step.
    let all = after.iter().all(|(_, length)| (length - old) * (new - old).signum() >= size / 2.0);
    let none =
        before.iter().filter(|(_, length)| (length - old) * (new - old).signum() >= size / 2.0).count();
    (clarity >= STEP && big && all && none * 10 <= before.len()).then_some((clarity, old, new))
}

fn level(days: &[LengthDay]) -> f64 {
    median_of(days.iter().map(|(_, length)| *length)).unwrap_or_default()
}

fn swap(days: &[LengthDay], first: usize, last: usize, step: &LengthStep) -> FoundSwap {
    let at = days[first].0 * BLOCKS_A_DAY;
    let earliest = first.checked_sub(1).map_or(at, |place| days[place].0 * BLOCKS_A_DAY);
    FoundSwap {
        before: format!("{:.0} tokens", step.before),
        after: format!("{:.0} tokens", step.after),
        began: SwapTime { at, earliest, latest: at + BLOCKS_A_DAY - 1 },
        alarm_slot: days[last].0 * BLOCKS_A_DAY + BLOCKS_A_DAY - 1,
        ended: None,
    }
}

/// The time at which the length of before came back, if the last days are nearer to it.
fn returned(days: &[LengthDay], alarm_slot: i64, before: f64, after: f64) -> Option<SwapTime> {
    let recent = &days[days.len().saturating_sub(BACK)..];
    let is_back = |(_, length): &LengthDay| (length - before).abs() < (length - after).abs() / 2.0;
    let (first, _) = *recent.first()?;
    let at = first * BLOCKS_A_DAY;
    (recent.len() == BACK && at > alarm_slot && recent.iter().all(is_back)).then_some(SwapTime {
        at,
        earliest: at - BLOCKS_A_DAY,
        latest: at + BLOCKS_A_DAY - 1,
    })
}
