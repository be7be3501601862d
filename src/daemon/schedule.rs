//! Decides which series are due, and when the others become due. Every series has a turn in a slot of its cadence, at
//! its own moment ([`turn_times`]), so that a large catalog is spread over the cadence. Pure. All due series are sorted
//! before as many are taken as there is room for: those that had a turn in this block of the day on the fewest of the
//! last seven days first, then by age. Missed turns are not made up: after a pause each series has one turn, not one for
//! each missed slot.

use crate::daemon::turn_times::{self, BlockDays};
use crate::domain::FailureKind;
use crate::domain::clock_skew;
use crate::domain::slot::{self, Series, Slot};
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

/// The number of terminal answers in a row after which a series is asked more rarely.
pub const ENOUGH: u32 = 2;

/// The longest time from one attempt to the next that such answers lead to.
const RAREST: TimeDelta = TimeDelta::days(1);

/// True if this kind of failure means that another attempt at the same request brings the same answer.
pub fn is_terminal(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::HardModel
            | FailureKind::HardCapability
            | FailureKind::BudgetExhausted
            | FailureKind::Truncated
    )
}

/// A series and the times of its turns.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesSchedule {
    pub series: Series,
    /// Seconds of a slot, at least 1.
    pub cadence_seconds: u32,
    /// The series' own moment: from the beginning of a slot where turns are a cadence apart, else from 1970 to the first
    /// of the steps between turns.
    pub phase: TimeDelta,
}

impl SeriesSchedule {
    /// Creates a schedule whose moment within the slot is derived from the series' name, so it is the same for every
    /// daemon and after every restart. `spread` is the share of the cadence over which moments are distributed, 0 to 1.
    pub fn new(series: Series, cadence_seconds: u32, spread: f64) -> Self {
        let cadence_seconds = cadence_seconds.max(1);
        let widest = f64::from(cadence_seconds) * 1000.0 * spread.clamp(0.0, 1.0);
        // A moment in the last millisecond of a slot would belong to the next one.
        let latest = i64::from(cadence_seconds) * 1000 - 1;
        let phase = ((fraction(&series) * widest) as i64).min(latest);
        Self { series, cadence_seconds, phase: TimeDelta::milliseconds(phase) }
    }

    /// End of a slot of the series and beginning of the next one.
    pub fn ends(&self, slot: &Slot) -> DateTime<Utc> {
        slot.starts_at + self.cadence()
    }

    fn cadence(&self) -> TimeDelta {
        TimeDelta::seconds(self.cadence_seconds.into())
    }

    /// The time of the turn of a slot that nobody worked on, or of a later one where the slot has none. A series that is
    /// overdue by a quarter of its cadence does not wait for its moment, and comes back to it within a few turns.
    fn opens(&self, slot_at: DateTime<Utc>, finished: Option<DateTime<Utc>>) -> DateTime<Utc> {
        let moment = turn_times::first_from(slot_at, self.cadence_seconds, self.phase);
        let patience = turn_times::step(self.cadence_seconds).max(self.cadence() * 5 / 4);
        let overdue = finished.map(|at| (at + patience).max(slot_at));
        overdue.map_or(moment, |at| at.min(moment))
    }
}

/// A number from 0 to 1 that is derived from the series' name.
fn fraction(series: &Series) -> f64 {
    let Series { model, profile_id, vantage } = series;
    let text = [&model.provider, &model.model_id, profile_id, vantage].map(String::as_str).join("\n");
    let digest = Sha256::digest(text.as_bytes());
    let bits = digest.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    bits as f64 / u64::MAX as f64
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesProgress {
    /// The beginning of the newest slot that was worked on.
    pub slot_at: Option<DateTime<Utc>>,
    /// That slot is complete: it has its row, or was given up.
    pub settled: bool,
    /// No attempt at that slot begins before this.
    pub not_before: Option<DateTime<Utc>>,
    /// End of the series' last attempt, successful or not.
    pub finished_at: Option<DateTime<Utc>>,
    /// Number of attempts at that slot.
    pub attempts: u32,
    /// Terminal answers in a row: the model does not exist, or cannot be measured so.
    pub terminal: u32,
    /// The days on which it had a turn in each block of the day, as far as this process knows.
    pub days: BlockDays,
}

impl SeriesProgress {
    /// Records the kind of an attempt's end. A success ends the row of terminal answers; other failures say nothing
    /// about it.
    pub fn told(&mut self, kind: Option<FailureKind>) {
        match kind {
            None => self.terminal = 0,
            Some(kind) if is_terminal(kind) => self.terminal = self.terminal.saturating_add(1),
            Some(_) => {}
        }
    }

    /// Marks the slot as complete.
    pub fn settle(&mut self, slot_at: DateTime<Utc>, now: DateTime<Utc>) {
        let attempts = self.attempts_at(slot_at);
        *self = Self {
            slot_at: Some(slot_at),
            settled: true,
            not_before: None,
            finished_at: Some(now),
            attempts,
            terminal: self.terminal,
            days: self.days,
        };
        self.days.add(now);
    }

    /// Defers the slot until `until`; its attempt number `attempts` ended at `finished_at`, if one did.
    pub fn rest(
        &mut self,
        slot_at: DateTime<Utc>,
        until: DateTime<Utc>,
        attempts: u32,
        finished_at: Option<DateTime<Utc>>,
    ) {
        if let Some(at) = finished_at {
            self.days.add(at);
        }
        let finished_at = finished_at.or(self.finished_at);
        *self = Self {
            slot_at: Some(slot_at),
            settled: false,
            not_before: Some(until),
            finished_at,
            attempts,
            terminal: self.terminal,
            days: self.days,
        };
    }

    /// Moves past times after the daemon's clock moved, so that they keep their distance from now. Slots belong to
    /// the calendar and stay.
    pub fn clock_moved(&mut self, by: TimeDelta) {
        for moment in [&mut self.not_before, &mut self.finished_at].into_iter().flatten() {
            *moment += by;
        }
    }

    /// The time from one attempt to the next that terminal answers add: none after the first, which may be a mistake,
    /// then twice the cadence, four times, and so on up to a day.
    fn patience(&self, cadence: TimeDelta) -> TimeDelta {
        let doublings = self.terminal.saturating_sub(ENOUGH - 1).min(20);
        cadence.checked_mul(1 << doublings).unwrap_or(RAREST).min(RAREST.max(cadence))
    }

    /// Number of attempts at this slot so far.
    pub fn attempts_at(&self, slot_at: DateTime<Utc>) -> u32 {
        if self.slot_at == Some(slot_at) { self.attempts } else { 0 }
    }
}

/// The time of a series' turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueTime {
    /// Due now, and since this time.
    Since(DateTime<Utc>),
    /// Not due before this time.
    At(DateTime<Utc>),
}

/// The time of a series' turn, seen from `now`.
pub fn due(plan: &SeriesSchedule, turn: &SeriesProgress, now: DateTime<Utc>) -> DueTime {
    let starts_at = slot::starts_at(now, plan.cadence_seconds);
    // An end in the future was recorded under a clock that was ahead.
    let finished_at = turn.finished_at.filter(|at| *at <= now);
    // So was a slot that begins after the end of its own measurement.
    let is_odd = |slot_at: DateTime<Utc>| {
        turn.settled && finished_at.is_some_and(|at| clock_skew::is_ahead(slot_at, at))
    };
    let known = turn.slot_at.filter(|slot_at| !clock_skew::is_ahead(*slot_at, now) && !is_odd(*slot_at));
    let next_slot = |slot_at: DateTime<Utc>| slot_at + plan.cadence();
    let opens_at = match known {
        // The clock went back a little: a slot in the future is as complete as the present one.
        Some(worked) if worked >= starts_at && turn.settled => plan.opens(next_slot(worked), finished_at),
        Some(worked) if worked >= starts_at => turn.not_before.unwrap_or(worked).max(worked),
        _ => match finished_at {
            // The slot is in the future because the clock was set back since: its measurement was this slot's turn.
            Some(finished) if known != turn.slot_at && finished >= starts_at => {
                plan.opens(next_slot(starts_at), finished_at)
            }
            Some(_) => plan.opens(starts_at, finished_at),
            None => starts_at,
        },
    };
    // A model that will not answer, however long one waits, is asked ever more rarely.
    let rarer = finished_at.filter(|_| turn.terminal >= ENOUGH);
    let opens_at = rarer.map_or(opens_at, |at| opens_at.max(at + turn.patience(plan.cadence())));
    if opens_at <= now { DueTime::Since(opens_at) } else { DueTime::At(opens_at) }
}

/// The result of one look at many series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SchedulePass {
    /// Numbers of the series to work on now, the most urgent first, up to the requested count.
    pub chosen: Vec<usize>,
    /// Number of due series, chosen or not.
    pub due: usize,
    /// Time since which the oldest of them has been due.
    pub due_since: Option<DateTime<Utc>>,
    /// Time at which the next series becomes due.
    pub next_at: Option<DateTime<Utc>>,
}

/// Takes as many of the due series as there is room for: those first whose present block of the day is the thinnest, so
/// that an outage of some hours is made good in the same hours of the next days, and of these the stalest. Each series
/// has a number chosen by the caller. Series without any finished attempt come first.
pub fn pass<'a>(
    series: impl IntoIterator<Item = (usize, &'a SeriesSchedule, &'a SeriesProgress)>,
    now: DateTime<Utc>,
    most: usize,
) -> SchedulePass {
    let mut pass = SchedulePass::default();
    let mut ripe = Vec::new();
    for (place, plan, turn) in series {
        match due(plan, turn, now) {
            DueTime::Since(since) => {
                ripe.push((turn.days.thinness(now), turn.finished_at, since, place));
            }
            DueTime::At(at) => pass.next_at = Some(pass.next_at.map_or(at, |next| next.min(at))),
        }
    }
    pass.due = ripe.len();
    pass.due_since = ripe.iter().map(|(_, _, since, _)| *since).min();
    if most < ripe.len() && most > 0 {
        ripe.select_nth_unstable(most - 1);
    }
    ripe.truncate(most);
    ripe.sort_unstable();
    pass.chosen = ripe.into_iter().map(|(.., place)| place).collect();
    pass
}

/// The slot that a series works on now.
pub fn slot(plan: &SeriesSchedule, now: DateTime<Utc>) -> Slot {
    plan.series.slot_at(now, plan.cadence_seconds)
}

#[cfg(test)]
mod tests;
