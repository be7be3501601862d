//! What is due, and when the rest becomes due. Every series has a turn in each slot of its cadence, at a moment of its own
//! within the slot, so that a catalogue is spread over the cadence instead of starting at once. Pure.
//!
//! Who is considered is never cut short: all that is due is sorted by age, and only then as much as there is room for is
//! taken. What was missed stays missed: after a pause each series has one turn, not one for each slot that passed.

use crate::domain::clock_skew;
use crate::domain::slot::{self, Series, Slot};
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

/// A series and how often it has a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesSchedule {
    /// Which series.
    pub series: Series,
    /// Seconds from turn to turn, at least 1.
    pub cadence_seconds: u32,
    /// From the beginning of a slot to the series' own moment in it.
    pub phase: TimeDelta,
}

impl SeriesSchedule {
    /// A plan whose moment within the slot follows from the series' name, the same for every daemon and after every
    /// restart. `spread` is the share of the cadence over which the moments of many series lie, 0 to 1.
    pub fn new(series: Series, cadence_seconds: u32, spread: f64) -> Self {
        let cadence_seconds = cadence_seconds.max(1);
        let widest = f64::from(cadence_seconds) * 1000.0 * spread.clamp(0.0, 1.0);
        // A moment in the last millisecond of a slot would belong to the next one.
        let latest = i64::from(cadence_seconds) * 1000 - 1;
        let phase = ((fraction(&series) * widest) as i64).min(latest);
        Self { series, cadence_seconds, phase: TimeDelta::milliseconds(phase) }
    }

    /// When a slot of the series ends and the next one begins.
    pub fn ends(&self, slot: &Slot) -> DateTime<Utc> {
        slot.starts_at + self.cadence()
    }

    fn cadence(&self) -> TimeDelta {
        TimeDelta::seconds(self.cadence_seconds.into())
    }
}

/// A number from 0 to 1 that is the series' own.
fn fraction(series: &Series) -> f64 {
    let Series { model, profile_id, vantage } = series;
    let text = [&model.provider, &model.model_id, profile_id, vantage].map(String::as_str).join("\n");
    let digest = Sha256::digest(text.as_bytes());
    let bits = digest.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    bits as f64 / u64::MAX as f64
}

/// How far a series has come.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesProgress {
    /// The beginning of the newest slot that was worked.
    pub slot_at: Option<DateTime<Utc>>,
    /// That slot wants nothing more: it has its row, or was given up.
    pub settled: bool,
    /// Within that slot: nothing before this.
    pub not_before: Option<DateTime<Utc>>,
    /// When an attempt at the series last ended, whichever way.
    pub finished_at: Option<DateTime<Utc>>,
    /// Attempts at that slot.
    pub attempts: u32,
}

impl SeriesProgress {
    /// The slot is done.
    pub fn settle(&mut self, slot_at: DateTime<Utc>, now: DateTime<Utc>) {
        let attempts = self.attempts_at(slot_at);
        *self = Self {
            slot_at: Some(slot_at),
            settled: true,
            not_before: None,
            finished_at: Some(now),
            attempts,
        };
    }

    /// The slot is tried again, not before `until`; its attempt number `attempts` ended at `finished_at`, if one did.
    pub fn rest(
        &mut self,
        slot_at: DateTime<Utc>,
        until: DateTime<Utc>,
        attempts: u32,
        finished_at: Option<DateTime<Utc>>,
    ) {
        let finished_at = finished_at.or(self.finished_at);
        *self =
            Self { slot_at: Some(slot_at), settled: false, not_before: Some(until), finished_at, attempts };
    }

    /// The clock was set by so much: moments of the past keep their distance from now. Slots stay where they are, the
    /// calendar's.
    pub fn clock_moved(&mut self, by: TimeDelta) {
        for moment in [&mut self.not_before, &mut self.finished_at].into_iter().flatten() {
            *moment += by;
        }
    }

    /// Attempts at this slot so far.
    pub fn attempts_at(&self, slot_at: DateTime<Utc>) -> u32 {
        if self.slot_at == Some(slot_at) { self.attempts } else { 0 }
    }
}

/// When a series has its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueTime {
    /// Now, and since this moment.
    Since(DateTime<Utc>),
    /// Not before this.
    At(DateTime<Utc>),
}

/// When a series has its turn, seen from `now`.
pub fn due(plan: &SeriesSchedule, turn: &SeriesProgress, now: DateTime<Utc>) -> DueTime {
    let starts_at = slot::starts_at(now, plan.cadence_seconds);
    let known = turn.slot_at.filter(|slot_at| !clock_skew::is_ahead(*slot_at, now));
    // Anything finished later than now was finished under a clock that was ahead.
    let finished_at = turn.finished_at.filter(|at| *at <= now);
    let opens_at = match known {
        // A slot ahead of the clock, which went back a little, is as settled as the present one.
        Some(worked) if worked >= starts_at && turn.settled => worked + plan.cadence() + plan.phase,
        Some(worked) if worked >= starts_at => turn.not_before.unwrap_or(worked).max(worked),
        // A series that is overdue anyway does not wait for its moment.
        _ => match finished_at {
            // A slot ahead of the clock, which was set back since: what it measured was this slot's turn.
            Some(finished) if known != turn.slot_at && finished >= starts_at => {
                starts_at + plan.cadence() + plan.phase
            }
            Some(finished) => (starts_at + plan.phase).min((finished + plan.cadence()).max(starts_at)),
            None => starts_at,
        },
    };
    if opens_at <= now { DueTime::Since(opens_at) } else { DueTime::At(opens_at) }
}

/// What one look at many series came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SchedulePass {
    /// Numbers of the series to work now, stalest first, at most as many as asked for.
    pub chosen: Vec<usize>,
    /// How many are due, chosen or not.
    pub due: usize,
    /// Since when the oldest of them has been.
    pub due_since: Option<DateTime<Utc>>,
    /// When the next one becomes due that is not yet.
    pub next_at: Option<DateTime<Utc>>,
}

/// Looks at all series, each under a number of the caller's, and takes the stalest `most` of those that are due. What
/// never ended comes first.
pub fn pass<'a>(
    series: impl IntoIterator<Item = (usize, &'a SeriesSchedule, &'a SeriesProgress)>,
    now: DateTime<Utc>,
    most: usize,
) -> SchedulePass {
    let mut pass = SchedulePass::default();
    let mut ripe = Vec::new();
    for (place, plan, turn) in series {
        match due(plan, turn, now) {
            DueTime::Since(since) => ripe.push((turn.finished_at, since, place)),
            DueTime::At(at) => pass.next_at = Some(pass.next_at.map_or(at, |next| next.min(at))),
        }
    }
    pass.due = ripe.len();
    pass.due_since = ripe.iter().map(|(_, since, _)| *since).min();
    if most < ripe.len() && most > 0 {
        ripe.select_nth_unstable(most - 1);
    }
    ripe.truncate(most);
    ripe.sort_unstable();
    pass.chosen = ripe.into_iter().map(|(_, _, place)| place).collect();
    pass
}

/// The slot that a series works now.
pub fn slot(plan: &SeriesSchedule, now: DateTime<Utc>) -> Slot {
    plan.series.slot_at(now, plan.cadence_seconds)
}

#[cfg(test)]
mod tests;
