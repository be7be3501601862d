//! What is usual for a series: its hours of the day, its weekends, and how much its blocks and its days scatter.
//!
//! Everything is robust against a tenth of outliers, and against levels that change within the days: each level's days are
//! taken relative to their own middle.

use super::history::day;
use super::{LevelBlock, SLOTS};
use crate::domain::median;

/// Deviations beyond so many (robust) standard deviations are cut off there, if they are a tenth of all at most. More of
/// them are no outliers but what the series is like.
const CLIP: f64 = 3.5;
const CLIPPED_SHARE: f64 = 0.1;

/// From a median absolute deviation to a standard deviation.
const OF_NORMAL: f64 = 1.482_6;

/// Standard deviations beyond which a block of the baseline is cut off.
const OUTLIER: f64 = 5.0;

/// The largest correlation of neighbouring days that is believed.
const MOST_LASTING: f64 = 0.6;
const MOST_LASTING_BLOCKS: f64 = 0.8;

/// Days of weekends, and of the rest, below which weekends are taken for days like others.
const WEEKEND_DAYS: usize = 4;

/// Blocks a day, and degrees of freedom, below which a day's blocks do not tell its noise.
const BLOCKS_OF_DAY: f64 = 3.0;
const DEGREES_OF_BLOCKS: f64 = 40.0;

/// No day is known better than to this part.
const LEAST_NOISE: f64 = 0.002;

/// The usual.
#[derive(Debug, Clone, PartialEq)]
pub struct UsualLevel {
    hours: [f64; SLOTS as usize],
    /// How much weekends lie above the other days.
    weekend: f64,
    /// The standard deviation of a whole day's mean.
    pub day_noise: f64,
    /// The variance of a block within its day; what neighbours have in common is in it.
    pub block_variance: f64,
    /// Blocks of a day on which anything was measured.
    pub blocks_a_day: f64,
    /// The degrees of freedom of [`Self::day_noise`].
    pub degrees: f64,
    /// The first slot and the middle of each level in the baseline, oldest first.
    middles: Vec<(i64, f64)>,
}

/// The blocks of one day and one level.
struct DayPart {
    blocks: std::ops::Range<usize>,
    level: usize,
    weekend: bool,
}

impl UsualLevel {
    /// Of these blocks; a level begins at each of `starts`. `None` where fewer than two days say anything.
    pub fn of(blocks: &[LevelBlock], starts: &[i64]) -> Option<Self> {
        let parts = day_parts(blocks, starts);
        let days = blocks.chunk_by(|one, other| day(one.slot) == day(other.slot)).count();
        let blocks_a_day = blocks.len() as f64 / days.max(1) as f64;
        let whole: Vec<DayPart> =
            parts.into_iter().filter(|part| part.blocks.len() as f64 * 2.0 >= blocks_a_day).collect();
        let hours = usual_hours(blocks, &whole);
        let values: Vec<f64> = blocks.iter().map(|block| block.ln_median - hours[hour(block.slot)]).collect();
        let mut means: Vec<f64> = whole.iter().map(|part| mean(&values[part.blocks.clone()])).collect();
        let mut relative = means.clone();
        centre(&mut relative, &whole, mean);
        let weekend = weekend_offset(&relative, &whole);
        for (mean, _) in means.iter_mut().zip(&whole).filter(|(_, part)| part.weekend) {
            *mean -= weekend;
        }
        let middles = middles(&means, &whole, blocks);
        let (of_days, degrees) = variance_of_days(means, &whole)?;
        let of_blocks = variance_of_blocks(blocks, &values, &whole, blocks_a_day);
        let least = LEAST_NOISE * LEAST_NOISE;
        let day_variance = of_days.max(of_blocks.unwrap_or(0.0) / blocks_a_day).max(least);
        let block_variance = of_blocks.unwrap_or(day_variance * blocks_a_day);
        Some(Self {
            hours,
            weekend,
            day_noise: day_variance.sqrt(),
            block_variance,
            blocks_a_day,
            degrees,
            middles,
        })
    }

    /// The standard deviation of a block by which means of days scatter as they do.
    pub fn block_scale(&self) -> f64 {
        self.day_noise * self.blocks_a_day.sqrt()
    }

    /// A block without what is usual for its hour and day: the level of a working day.
    pub fn level_of(&self, block: &LevelBlock) -> f64 {
        let weekend = if is_weekend(block.slot) { self.weekend } else { 0.0 };
        block.ln_median - self.hours[hour(block.slot)] - weekend
    }

    /// The same of a block in the baseline. An outlier is cut off: how long it lasted is known by now, and it would move the
    /// mean that a change is measured from.
    pub fn level_of_baseline(&self, block: &LevelBlock) -> f64 {
        let level = self.level_of(block);
        let after = self.middles.partition_point(|(start, _)| *start <= block.slot);
        let Some((_, middle)) = after.checked_sub(1).and_then(|at| self.middles.get(at)) else {
            return level;
        };
        let reach = OUTLIER * (self.block_variance + self.day_noise * self.day_noise).sqrt();
        level.clamp(middle - reach, middle + reach)
    }
}

/// The quantile of Student's t that belongs to the normal distribution's `errors`, by Wallace's approximation (1959): three
/// digits from 5 degrees of freedom on.
pub fn threshold(errors: f64, degrees: f64) -> f64 {
    let degrees = degrees.max(1.0);
    let scaled = errors * (8.0 * degrees + 3.0) / (8.0 * degrees + 1.0);
    (degrees * (scaled * scaled / degrees).exp_m1()).sqrt()
}

fn hour(slot: i64) -> usize {
    slot.rem_euclid(SLOTS) as usize
}

/// 1970 began on a Thursday.
fn is_weekend(slot: i64) -> bool {
    (day(slot) + 3).rem_euclid(7) >= 5
}

fn day_parts(blocks: &[LevelBlock], starts: &[i64]) -> Vec<DayPart> {
    let level = |block: &LevelBlock| {
        if starts.is_empty() { 0 } else { starts.partition_point(|start| *start <= block.slot) }
    };
    let mut from = 0;
    let groups = blocks.chunk_by(|one, other| day(one.slot) == day(other.slot) && level(one) == level(other));
    let part = |group: &[LevelBlock]| {
        let part = DayPart {
            blocks: from..from + group.len(),
            level: level(&group[0]),
            weekend: is_weekend(group[0].slot),
        };
        from += group.len();
        part
    };
    groups.map(part).collect()
}

/// How hours of the day differ from their day, 0 on average. A median over days, so a change that happens on one of them
/// does not matter. A second pass knows the hours that incomplete days lack.
fn usual_hours(blocks: &[LevelBlock], whole: &[DayPart]) -> [f64; SLOTS as usize] {
    let mut hours = [0.0; SLOTS as usize];
    let passes = if whole.iter().all(|part| part.blocks.len() == SLOTS as usize) { 1 } else { 2 };
    let mut of_hour: [Vec<f64>; SLOTS as usize] = Default::default();
    for _ in 0..passes {
        of_hour.iter_mut().for_each(Vec::clear);
        for part in whole {
            let day = &blocks[part.blocks.clone()];
            let rest: f64 = day.iter().map(|block| block.ln_median - hours[hour(block.slot)]).sum();
            let level = rest / day.len() as f64;
            day.iter().for_each(|block| of_hour[hour(block.slot)].push(block.ln_median - level));
        }
        hours = std::array::from_fn(|hour| median(&mut of_hour[hour]));
        let known = of_hour.iter().filter(|values| !values.is_empty()).count().max(1);
        let middle = hours.iter().sum::<f64>() / known as f64;
        for (hour, values) in hours.iter_mut().zip(&of_hour) {
            *hour = if values.is_empty() { 0.0 } else { *hour - middle };
        }
    }
    hours
}

/// The median; 0 of nothing.
pub fn median(values: &mut [f64]) -> f64 {
    median::median(values).unwrap_or(0.0)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Takes the days of each level relative to their `middle`.
fn centre(means: &mut [f64], whole: &[DayPart], middle: impl Fn(&[f64]) -> f64) {
    let mut from = 0;
    for level in whole.chunk_by(|one, other| one.level == other.level) {
        let days = &mut means[from..from + level.len()];
        let middle = middle(days);
        days.iter_mut().for_each(|day| *day -= middle);
        from += level.len();
    }
}

/// Where each level begins, and the median of its days.
fn middles(means: &[f64], whole: &[DayPart], blocks: &[LevelBlock]) -> Vec<(i64, f64)> {
    let mut from = 0;
    let middle = |level: &[DayPart]| {
        let days = from..from + level.len();
        from += level.len();
        (blocks[level[0].blocks.start].slot, median(&mut means[days].to_vec()))
    };
    whole.chunk_by(|one, other| one.level == other.level).map(middle).collect()
}

/// The difference of weekends, shrunk by as much as it may be chance.
fn weekend_offset(means: &[f64], whole: &[DayPart]) -> f64 {
    let of = |weekend: bool| -> Vec<f64> {
        means.iter().zip(whole).filter(|(_, part)| part.weekend == weekend).map(|(mean, _)| *mean).collect()
    };
    let [ends, rest] = [of(true), of(false)];
    if ends.len() < WEEKEND_DAYS || rest.len() < WEEKEND_DAYS {
        return 0.0;
    }
    let difference = mean(&ends) - mean(&rest);
    let of_mean = |days: &[f64]| {
        let middle = mean(days);
        let squares: f64 = days.iter().map(|day| (day - middle).powi(2)).sum();
        squares / (days.len() - 1) as f64 / days.len() as f64
    };
    let chance = of_mean(&ends) + of_mean(&rest);
    if difference == 0.0 { 0.0 } else { difference * (1.0 - chance / difference.powi(2)).max(0.0) }
}

/// The variance of a day's mean, with what neighbouring days have in common, and its degrees of freedom.
fn variance_of_days(mut means: Vec<f64>, whole: &[DayPart]) -> Option<(f64, f64)> {
    let levels = whole.chunk_by(|one, other| one.level == other.level).count();
    let degrees = means.len().checked_sub(levels).filter(|degrees| *degrees > 0)? as f64;
    centre(&mut means, whole, |days| median(&mut days.to_vec()));
    clip(&mut means);
    centre(&mut means, whole, mean);
    let squares: f64 = means.iter().map(|mean| mean * mean).sum();
    if squares <= 0.0 {
        return Some((0.0, degrees));
    }
    let neighbours =
        means.windows(2).zip(whole.windows(2)).filter(|(_, parts)| parts[0].level == parts[1].level);
    let common: f64 = neighbours.map(|(pair, _)| pair[0] * pair[1]).sum();
    let lasting = (common / squares + 1.0 / means.len() as f64).clamp(0.0, MOST_LASTING);
    Some((squares / degrees * (1.0 + lasting) / (1.0 - lasting), degrees))
}

/// The variance of a block around its day, with what neighbouring blocks have in common; `None` where too few blocks tell it.
fn variance_of_blocks(blocks: &[LevelBlock], values: &[f64], whole: &[DayPart], a_day: f64) -> Option<f64> {
    let degrees = whole.iter().map(|part| part.blocks.len() as f64 - 1.0).sum::<f64>() - (SLOTS - 1) as f64;
    if a_day < BLOCKS_OF_DAY || degrees < DEGREES_OF_BLOCKS {
        return None;
    }
    let mut slots = Vec::with_capacity(values.len());
    let mut deviations = Vec::with_capacity(values.len());
    for part in whole {
        let of_day = &values[part.blocks.clone()];
        let level = mean(of_day);
        deviations.extend(of_day.iter().map(|value| value - level));
        slots.extend(blocks[part.blocks.clone()].iter().map(|block| block.slot));
    }
    clip(&mut deviations);
    let squares: f64 = deviations.iter().map(|deviation| deviation * deviation).sum();
    if squares <= 0.0 {
        return Some(0.0);
    }
    let follows = |pair: &[i64]| pair[0] + 1 == pair[1] && day(pair[0]) == day(pair[1]);
    let pairs = deviations.windows(2).zip(slots.windows(2)).filter(|(_, slots)| follows(slots));
    let common: f64 = pairs.map(|(pair, _)| pair[0] * pair[1]).sum();
    // Deviations from a day's own mean look less alike than they are, by one part of the day.
    let lasting = ((common / squares + 1.0 / a_day) * a_day / (a_day - 1.0)).clamp(0.0, MOST_LASTING_BLOCKS);
    Some(squares / degrees * (1.0 + lasting) / (1.0 - lasting))
}

/// Cuts outliers off.
fn clip(deviations: &mut [f64]) {
    let mut sizes: Vec<f64> = deviations.iter().map(|deviation| deviation.abs()).collect();
    if sizes.is_empty() {
        return;
    }
    let usual = OF_NORMAL * median(&mut sizes);
    let kept = ((sizes.len() as f64 * (1.0 - CLIPPED_SHARE)).ceil() as usize).clamp(1, sizes.len());
    let most = *sizes.select_nth_unstable_by(kept - 1, f64::total_cmp).1;
    let limit = most.max(CLIP * usual);
    deviations.iter_mut().for_each(|deviation| *deviation = deviation.clamp(-limit, limit));
}
