//! Finds moments at which the level of a series moved for good: "slower since Tuesday 14:00 by 18 % [13, 24]". Pure
//! arithmetic over blocks of 3 hours; decision 099 has the reasons and docs/benchmarks.md how often it is right.
//!
//! Each new block is held against the past alone, so what was found stays found, and a later look only adds to it:
//!
//! 1. A baseline (`baseline`) of 14 to 56 days says what hours of the day and weekends are usually like, and how much a
//!    day scatters. It ends up to two weeks before the block, so a change does not become its own standard.
//! 2. Every block since is a candidate (`candidates`): how many standard errors lie between the mean since then and the
//!    mean of the 28 days before it? The largest wins.
//! 3. It is an alarm if it is larger than chance makes it, by Student's t with as many degrees of freedom as the
//!    baseline has days, if it is old enough to be no incident, and if the next block says the same.
//! 4. The level then starts anew there. Where a later alarm leads back to the level before, the change has ended.

use crate::domain::interval::Interval;
use crate::domain::series_block::{HISTORY_DAYS, SLOT_MILLISECONDS, SLOTS_OF_DAY as SLOTS};
use crate::domain::series_change::REVERTS_WITHIN_DAYS;
use candidates::{BlockView, LevelStep};
pub use history::{LEAST_DAYS, days_with_blocks, level_blocks};
pub use incidents::{
    IncidentSettings, LevelDeviation, LevelIncident, find_incidents, incidents_in, level_deviations,
    mean_deviation,
};

mod baseline;
mod candidates;
mod history;
mod incidents;

/// What may be left of a change that has ended; more of it, where the level of today may be that before the change.
const REVERTED: f64 = 1.0 / 3.0;
const REVERTED_BY_CHANCE: f64 = 1.0 / 2.0;

/// The median of 3 hours of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelBlock {
    /// The number of the 3 hours since 1970, as `slot_of` counts them.
    pub slot: i64,
    /// The logarithm of the median of all samples that are not suspect.
    pub ln_median: f64,
    pub samples: u32,
}

/// When an alarm is raised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShiftSettings {
    /// The standard errors that an alarm takes if the noise is known. It is estimated, so it takes more: 5.3 with 56 days,
    /// 6.0 with 28, 8.0 with 14.
    pub alarm: f64,
    /// The same for the way back to the level before, which is one place and not any.
    pub reversal: f64,
    /// The least |ln ratio| that anybody wants to hear of.
    pub least_effect: f64,
}

impl Default for ShiftSettings {
    /// For a series with two figures; chance raises one alarm in a million looks on either side of each.
    fn default() -> Self {
        Self { alarm: 4.75, reversal: 4.26, least_effect: 0.048_79 }
    }
}

/// A moment that is known to lie between two others, all of them starts of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotEstimate {
    pub slot: i64,
    pub earliest: i64,
    pub latest: i64,
}

impl SlotEstimate {
    /// The moment, the earliest and the latest, in milliseconds since 1970.
    pub fn milliseconds(self) -> [i64; 3] {
        [self.slot, self.earliest, self.latest].map(|slot| slot * SLOT_MILLISECONDS)
    }
}

/// A change of the level. All but its end stays as it was when the alarm was raised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelShift {
    /// The block that made it certain, so it was certain at the start of the slot after it.
    pub alarm_slot: i64,
    pub began: SlotEstimate,
    /// When the level went back, if it did within four weeks. Such a change was an incident.
    pub ended: Option<SlotEstimate>,
    /// The block that made the end certain.
    pub ended_alarm_slot: Option<i64>,
    /// The level: the mean over all hours of working days of the logarithm.
    pub ln_before: f64,
    pub ln_after: f64,
    /// The 95 % interval of after / before.
    pub effect: Interval,
}

impl LevelShift {
    /// After / before.
    pub fn ratio(&self) -> f64 {
        (self.ln_after - self.ln_before).exp()
    }
}

/// All changes in these blocks, oldest first. Blocks ascend; gaps are allowed, and blocks that are no numbers are left out.
pub fn find_shifts(blocks: &[LevelBlock], settings: &ShiftSettings) -> Vec<LevelShift> {
    find_shifts_since(blocks, &[], i64::MIN, settings)
}

/// The changes that are known, and those that the blocks from `from_slot` on add to them: the same as [`find_shifts`] finds
/// in all blocks. It needs [`HISTORY_DAYS`] of blocks before `from_slot`, and the changes that were found in them.
pub fn find_shifts_since(
    blocks: &[LevelBlock],
    known: &[LevelShift],
    from_slot: i64,
    settings: &ShiftSettings,
) -> Vec<LevelShift> {
    let blocks = history::counted(blocks);
    let first = blocks.partition_point(|block| block.slot < from_slot);
    let mut shifts = known_before(known, from_slot);
    let mut view: Option<BlockView> = None;
    let mut seen = None;
    let least = settings.alarm.min(settings.reversal);
    // The block before says whether the first one is the second that says the same.
    for at in first.saturating_sub(1)..blocks.len() {
        let block = blocks[at];
        let mut current = match view.take() {
            Some(current) if current.period == history::period(block.slot) => current,
            _ => BlockView::new(history::period(block.slot), &blocks[..at], &shifts).needing(least),
        };
        current.push(&block);
        let step = current.largest_step(settings).filter(|step| is_alarm(step, &shifts, settings));
        let direction = step.as_ref().map(|step| step.ln_after > step.ln_before);
        if at < first {
            // An alarm that this block raised is over.
            seen = direction.filter(|_| !raised_at(&shifts, block.slot));
        } else if direction == seen
            && let Some(step) = step
        {
            record(&step, block.slot, &mut shifts);
            seen = None;
            continue;
        } else {
            seen = direction;
        }
        view = Some(current);
    }
    shifts
}

/// What was known before a slot: the looks from there on are taken again.
fn known_before(known: &[LevelShift], slot: i64) -> Vec<LevelShift> {
    let mut shifts: Vec<LevelShift> = known.iter().filter(|shift| shift.alarm_slot < slot).copied().collect();
    for shift in shifts.iter_mut().filter(|shift| shift.ended_alarm_slot.is_some_and(|at| at >= slot)) {
        (shift.ended, shift.ended_alarm_slot) = (None, None);
    }
    shifts
}

fn raised_at(shifts: &[LevelShift], slot: i64) -> bool {
    shifts.iter().any(|shift| shift.alarm_slot == slot || shift.ended_alarm_slot == Some(slot))
}

/// True if chance does not make a step this large.
fn is_alarm(step: &LevelStep, shifts: &[LevelShift], settings: &ShiftSettings) -> bool {
    let errors = if reverted(step, shifts).is_some() { settings.reversal } else { settings.alarm };
    step.errors >= baseline::threshold(errors, step.degrees)
}

/// The number of the change that this step takes back, if any.
fn reverted(step: &LevelStep, shifts: &[LevelShift]) -> Option<usize> {
    let takes_back = |shift: &LevelShift| {
        let effect = shift.ln_after - shift.ln_before;
        let left = (step.ln_after - shift.ln_before).abs() / effect.abs();
        let by_chance = left <= REVERTED_BY_CHANCE && left * effect.abs() <= 2.0 * step.error_after;
        let opposite = (step.ln_after - step.ln_before) * effect < 0.0;
        let soon = step.began.slot - shift.began.slot <= REVERTS_WITHIN_DAYS * SLOTS;
        shift.ended.is_none() && soon && opposite && (left <= REVERTED || by_chance)
    };
    shifts.iter().rposition(takes_back)
}

/// Enters an alarm: as the end of a change, and of what came on top of it, or as a new one.
fn record(step: &LevelStep, slot: i64, shifts: &mut Vec<LevelShift>) {
    if let Some(first) = reverted(step, shifts) {
        for shift in shifts[first..].iter_mut().filter(|shift| shift.ended.is_none()) {
            (shift.ended, shift.ended_alarm_slot) = (Some(step.began), Some(slot));
        }
        return;
    }
    shifts.push(LevelShift {
        alarm_slot: slot,
        began: step.began,
        ended: None,
        ended_alarm_slot: None,
        ln_before: step.ln_before,
        ln_after: step.ln_after,
        effect: step.effect,
    });
}

#[cfg(test)]
mod simulations;
#[cfg(test)]
mod tests;
