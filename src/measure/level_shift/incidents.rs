//! Finds short disturbances: hours to three days in which a series was elsewhere, and which are over or still last. They are
//! too short to be told as changes, so this is looked for where somebody asks. It is cheaper than an alarm: at the default
//! some hundredths of an incident are chance in each month of a series (docs/benchmarks.md). Who tells them asks for more:
//! [`IncidentSettings::ALONE`], or other series that saw the same.

use super::baseline::{UsualLevel, median};
use super::candidates::BlockView;
use super::history::{counted, day, of_level, period};
use super::{HISTORY_DAYS, LevelBlock, LevelShift, SLOTS, SlotEstimate};
use crate::domain::interval::Interval;

/// Blocks of a window. One alone is none: a few slow samples make it.
const WINDOWS: [usize; 8] = [2, 3, 4, 6, 8, 12, 16, 24];

/// Days before a period whose median is the level that an incident leaves.
const LEVEL_DAYS: i64 = 14;

/// The part of the effect that every block of an incident shows.
const EVERY_BLOCK: f64 = 1.0 / 3.0;

/// Standard errors of a 95 % interval.
const EFFECT_ERRORS: f64 = 1.96;

/// When a disturbance is an incident.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IncidentSettings {
    /// The standard errors that it takes. How much blocks of a day scatter is known from hundreds of them.
    pub alarm: f64,
    /// The least |ln ratio|.
    pub least_effect: f64,
}

impl IncidentSettings {
    /// What one series has to show if no other saw it.
    pub const ALONE: Self = Self { alarm: 6.0, least_effect: 0.223 };
}

impl Default for IncidentSettings {
    /// A quarter slower or faster, at 4 standard errors.
    fn default() -> Self {
        Self { alarm: 4.0, least_effect: 0.223 }
    }
}

/// A disturbance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelIncident {
    pub began: SlotEstimate,
    /// The start of the first slot that is as usual again.
    pub ended: SlotEstimate,
    pub ln_usual: f64,
    pub ln_seen: f64,
    /// The 95 % interval of seen / usual.
    pub effect: Interval,
    /// The size in standard errors.
    pub errors: f64,
    /// True if the blocks since its end show that it is over; false while it lasts, or nobody knows.
    pub is_over: bool,
}

/// Blocks after an end that say whether it is one, and the fewest of them.
const AFTER: usize = 4;
const LEAST_AFTER: usize = 2;

/// What may be left of the effect in the median of those blocks.
const LEFT: f64 = 0.5;

/// A block relative to its level, and how much it and its day scatter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelDeviation {
    pub slot: i64,
    usual: f64,
    deviation: f64,
    block_variance: f64,
    day_variance: f64,
    blocks_a_day: f64,
}

/// The mean deviation of the blocks of some slots, and its standard error; `None` where there is no block.
pub fn mean_deviation(deviations: &[LevelDeviation], slots: std::ops::Range<i64>) -> Option<(f64, f64)> {
    let first = deviations.partition_point(|block| block.slot < slots.start);
    let end = deviations.partition_point(|block| block.slot < slots.end);
    let inside = deviations.get(first..end).filter(|inside| !inside.is_empty())?;
    let mean = inside.iter().map(|block| block.deviation).sum::<f64>() / inside.len() as f64;
    Some((mean, standard_error(inside)))
}

/// The standard error of the mean of these blocks, by what is known at the last of them.
fn standard_error(blocks: &[LevelDeviation]) -> f64 {
    let Some(newest) = blocks.last() else { return f64::INFINITY };
    let count = blocks.len() as f64;
    let days = (count / newest.blocks_a_day).max(1.0);
    (newest.day_variance / days + newest.block_variance / count).sqrt()
}

/// A window of blocks that is elsewhere.
struct Disturbance {
    blocks: std::ops::Range<usize>,
    mean: f64,
    error: f64,
}

/// All incidents in these blocks, oldest first. `shifts` are the changes of the same series: a level that changed is no
/// incident.
pub fn find_incidents(
    blocks: &[LevelBlock],
    shifts: &[LevelShift],
    settings: &IncidentSettings,
) -> Vec<LevelIncident> {
    incidents_in(&level_deviations(blocks, shifts, i64::MIN), settings)
}

/// All incidents in these blocks, as [`level_deviations`] gives them.
pub fn incidents_in(deviations: &[LevelDeviation], settings: &IncidentSettings) -> Vec<LevelIncident> {
    let mut found: Vec<Disturbance> =
        WINDOWS.iter().flat_map(|length| disturbances(deviations, *length, settings)).collect();
    let size = |one: &Disturbance| one.mean.abs() / one.error;
    found.sort_by(|one, other| {
        size(other).total_cmp(&size(one)).then(one.blocks.start.cmp(&other.blocks.start))
    });
    let mut kept: Vec<Disturbance> = Vec::new();
    for one in found {
        // With a block between them, so that the rim of an incident is not another one.
        let apart =
            |other: &Disturbance| one.blocks.end < other.blocks.start || other.blocks.end < one.blocks.start;
        if kept.iter().all(apart) {
            kept.push(one);
        }
    }
    kept.sort_by_key(|one| one.blocks.start);
    kept.iter().map(|one| incident(one, deviations)).collect()
}

fn incident(one: &Disturbance, deviations: &[LevelDeviation]) -> LevelIncident {
    let of_it = &deviations[one.blocks.clone()];
    let usual = of_it.iter().map(|block| block.usual).sum::<f64>() / of_it.len() as f64;
    let around = |slot: i64| SlotEstimate { slot, earliest: slot - 1, latest: slot + 1 };
    let reach = EFFECT_ERRORS * one.error;
    LevelIncident {
        began: around(of_it[0].slot),
        ended: around(of_it[of_it.len() - 1].slot + 1),
        ln_usual: usual,
        ln_seen: usual + one.mean,
        effect: Interval { low: (one.mean - reach).exp(), high: (one.mean + reach).exp() },
        errors: one.mean.abs() / one.error,
        is_over: is_over(one, deviations),
    }
}

fn is_over(one: &Disturbance, deviations: &[LevelDeviation]) -> bool {
    let after = &deviations[one.blocks.end..];
    let mut left: Vec<f64> = after.iter().take(AFTER).map(|block| block.deviation / one.mean).collect();
    left.len() >= LEAST_AFTER && median(&mut left) < LEFT
}

/// The windows of this many blocks that are elsewhere.
fn disturbances(
    deviations: &[LevelDeviation],
    length: usize,
    settings: &IncidentSettings,
) -> Vec<Disturbance> {
    let window = |(start, blocks): (usize, &[LevelDeviation])| {
        let count = blocks.len() as f64;
        let mean = blocks.iter().map(|block| block.deviation).sum::<f64>() / count;
        let error = standard_error(blocks);
        let together = blocks[blocks.len() - 1].slot - blocks[0].slot < 2 * blocks.len() as i64;
        let large = mean.abs() >= settings.least_effect && mean.abs() >= settings.alarm * error;
        let shows = |block: &LevelDeviation| block.deviation / mean >= EVERY_BLOCK;
        let found = together && large && blocks.iter().all(shows);
        found.then(|| Disturbance { blocks: start..start + blocks.len(), mean, error })
    };
    deviations.windows(length).enumerate().filter_map(window).collect()
}

/// Every block of which something usual is known, from the four days on that hold the slot `first`. `shifts` are the changes
/// of the same series.
pub fn level_deviations(blocks: &[LevelBlock], shifts: &[LevelShift], first: i64) -> Vec<LevelDeviation> {
    let blocks = &counted(blocks)[..];
    let mut all = Vec::new();
    let mut from = 0;
    for group in blocks.chunk_by(|one, other| period(one.slot) == period(other.slot)) {
        let past = &blocks[..from];
        from += group.len();
        if period(group[0].slot) < period(first) {
            continue;
        }
        let view = BlockView::new(period(group[0].slot), past, shifts);
        let Some(usual) = view.usual else { continue };
        let level = level_before(past, group[0].slot, shifts, &usual);
        let of_day = usual.day_noise * usual.day_noise - usual.block_variance / usual.blocks_a_day;
        for block in group {
            let level = level_of_change(block.slot, shifts).unwrap_or(level);
            all.push(LevelDeviation {
                slot: block.slot,
                usual: level,
                deviation: usual.level_of(block) - level,
                block_variance: usual.block_variance,
                day_variance: of_day.max(0.0),
                blocks_a_day: usual.blocks_a_day,
            });
        }
    }
    all
}

/// The median level of the days before a slot.
fn level_before(past: &[LevelBlock], slot: i64, shifts: &[LevelShift], usual: &UsualLevel) -> f64 {
    let recent = of_level(past, slot - HISTORY_DAYS * SLOTS, shifts);
    let until = recent.last().map_or(slot, |block| block.slot);
    let near = |block: &&LevelBlock| day(until) - day(block.slot) < LEVEL_DAYS;
    let mut levels: Vec<f64> =
        recent.iter().rev().take_while(near).map(|block| usual.level_of(block)).collect();
    median(&mut levels)
}

/// The level of the change that a slot belongs to, while it is younger than the days of [`level_before`].
fn level_of_change(slot: i64, shifts: &[LevelShift]) -> Option<f64> {
    let holds = |shift: &&LevelShift| {
        let until = shift.ended.map_or(shift.began.slot + LEVEL_DAYS * SLOTS, |ended| ended.slot);
        (shift.began.slot..until).contains(&slot)
    };
    shifts.iter().rev().find(holds).map(|shift| shift.ln_after)
}
