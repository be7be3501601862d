//! Finds steps of the token probabilities of a fixed answer. A model that was quantized anew, or moved to other software,
//! may give the same text with other probabilities: they are the finest mark of a model that an API shows. They tremble
//! from request to request by themselves, so a step is told against the trembling of the same series.

use super::fact_block::BLOCKS_A_DAY;
use super::{FoundSwap, SwapTime};

/// The fewest days of a baseline, and the most.
const BASELINE: std::ops::RangeInclusive<usize> = 7..=28;
/// Days running on which the probabilities differ. Young baselines know little of their trembling.
const DAYS: usize = 2;
const DAYS_OF_YOUNG: usize = 3;
/// A baseline of fewer days is young.
const OLD: usize = 14;
/// How much larger than the usual distance, and than the largest one, a distance must be.
const USUAL: f64 = 5.0;
const LARGEST: f64 = 1.5;
/// The smallest distance that is told, in natural logarithms.
const SMALLEST: f64 = 0.02;

/// One answer of a series to the fixed question.
#[derive(Debug, Clone, PartialEq)]
pub struct CanaryAnswer {
    /// Number of the block since 1970 in which it came.
    pub slot: i64,
    /// Its text, or what stands for it.
    pub answer: String,
    /// The natural logarithm of each token's probability, in order.
    pub logprobs: Vec<f64>,
}

/// The steps of the probabilities, from the answers of a series in order of time, oldest first. Answers are compared with
/// answers of the same text.
pub fn find_logprob_swaps(answers: &[CanaryAnswer]) -> Vec<FoundSwap> {
    let mut found = Vec::new();
    let mut start = 0;
    for last in 0..answers.len() {
        let regime = &answers[start..=last];
        let steps = [(DAYS, OLD), (DAYS_OF_YOUNG, *BASELINE.start())];
        let step = steps.into_iter().find_map(|(days, least)| step(regime, days, least));
        if let Some((place, swap)) = step {
            start += place;
            found.push(swap);
        }
    }
    found
}

/// The step that is certain with the last of these answers: the last `days` of them, of the same text, are far from the
/// baseline before.
fn step(answers: &[CanaryAnswer], days: usize, least: usize) -> Option<(usize, FoundSwap)> {
    let last = answers.last()?;
    let is_same =
        |answer: &&CanaryAnswer| answer.answer == last.answer && answer.logprobs.len() == last.logprobs.len();
    if last.logprobs.is_empty() {
        return None;
    }
    let place = answers.len().checked_sub(days)?;
    let (before, after) = answers.split_at(place);
    let baseline: Vec<&CanaryAnswer> = before.iter().filter(is_same).collect();
    let baseline = &baseline[baseline.len().saturating_sub(*BASELINE.end())..];
    if baseline.len() < least || !after.iter().all(|answer| is_same(&answer)) {
        return None;
    }
    let usual = profile(baseline);
    let mut distances: Vec<f64> = baseline.iter().map(|answer| distance(&answer.logprobs, &usual)).collect();
    distances.sort_unstable_by(f64::total_cmp);
    let (middle, largest) = (distances[distances.len() / 2], distances[distances.len() - 1]);
    let far = (USUAL * middle).max(LARGEST * largest).max(SMALLEST);
    let is_far = after.iter().all(|answer| distance(&answer.logprobs, &usual) > far);
    is_far.then(|| (place, swap(baseline, after, &usual)))
}

/// The median of each token.
fn profile(answers: &[&CanaryAnswer]) -> Vec<f64> {
    let tokens = answers[0].logprobs.len();
    let middle = |token: usize| {
        let mut values: Vec<f64> = answers.iter().map(|answer| answer.logprobs[token]).collect();
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    };
    (0..tokens).map(middle).collect()
}

/// The mean of the tokens' differences.
fn distance(one: &[f64], other: &[f64]) -> f64 {
    let sum: f64 = one.iter().zip(other).map(|(one, other)| (one - other).abs()).sum();
    sum / one.len() as f64
}

fn swap(baseline: &[&CanaryAnswer], after: &[CanaryAnswer], usual: &[f64]) -> FoundSwap {
    let at = after[0].slot;
    let earliest = baseline.last().map_or(at, |answer| answer.slot);
    let mean = |logprobs: &[f64]| logprobs.iter().sum::<f64>() / logprobs.len() as f64;
    let new = profile(&after.iter().collect::<Vec<_>>());
    FoundSwap {
        before: format!("mean {:.3}", mean(usual)),
        after: format!("mean {:.3}, {:.3} from it a token", mean(&new), distance(&new, usual)),
        began: SwapTime { at, earliest: earliest.max(at - 7 * BLOCKS_A_DAY), latest: at },
        alarm_slot: after[after.len() - 1].slot,
        ended: None,
    }
}
