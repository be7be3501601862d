//! A measurement that a lane decided on, how it ended, and what becomes of its slot. Pure.

use crate::daemon::budget::BudgetReservation;
use crate::daemon::pacing;
use crate::daemon::series_work::SeriesWork;
use crate::domain::{FailureKind, Slot};
use crate::outbox::Spend;
use crate::providers::adapt::Adaptation;
use crate::providers::allowance::Allowance;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;

/// A spoilt sample is taken again after this.
const SUSPECT_REST: TimeDelta = TimeDelta::seconds(20);

/// A measurement that is to begin.
#[derive(Debug, Clone)]
pub struct MeasurementOrder {
    /// What.
    pub work: Arc<SeriesWork>,
    /// Whose turn.
    pub slot: Slot,
    /// What it may cost.
    pub reserved: BudgetReservation,
    /// Which attempt at the slot this is, as far as is known here.
    pub attempt: u32,
    /// It is the one call that finds out whether a held lane works again.
    pub probe: bool,
    /// What earlier refusals taught; `None` where the store has not been asked yet.
    pub learned: Option<Vec<Adaptation>>,
}

/// How the attempt that counts ended.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptVerdict {
    /// How it failed; `None` for a success.
    pub kind: Option<FailureKind>,
    /// The client spoilt the sample.
    pub suspect: bool,
    /// How long the provider asks to wait, seconds.
    pub retry_after: Option<f64>,
    /// The failure in a few words.
    pub message: String,
}

/// What becomes of the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotOutcome {
    /// It has its row.
    Done,
    /// It is given up; the next one comes.
    GivenUp,
    /// It is tried again then.
    Again(DateTime<Utc>),
}

impl SlotOutcome {
    /// Where the next slot comes first, nothing is left to be tried in this one.
    #[must_use]
    pub fn within(self, slot_ends: DateTime<Utc>) -> Self {
        match self {
            SlotOutcome::Again(at) if at >= slot_ends => SlotOutcome::GivenUp,
            next => next,
        }
    }
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq)]
pub enum OrderOutcome {
    /// It was measured.
    Measured {
        /// When the measurement began.
        began_at: DateTime<Utc>,
        /// How it ended.
        verdict: AttemptVerdict,
        /// What becomes of the slot.
        next: SlotOutcome,
        /// Which attempt it was.
        attempt: u32,
        /// What it cost.
        spent: Spend,
        /// What it taught.
        learned: Vec<Adaptation>,
        /// What its newest answer said is left of the provider's tightest limit.
        allowance: Option<Allowance>,
    },
    /// Somebody else works the slot, or it rests, until then.
    Elsewhere(DateTime<Utc>),
    /// The slot has its end already.
    Finished,
    /// The outbox has no room.
    NoRoom(String),
    /// It was not begun after all.
    NotBegun,
}

/// What becomes of a slot whose attempt number `attempt` of `most` ended so.
pub fn next(
    verdict: &AttemptVerdict,
    attempt: u32,
    most: u32,
    now: DateTime<Utc>,
    chance: f64,
) -> SlotOutcome {
    let again = |at| if attempt < most { SlotOutcome::Again(at) } else { SlotOutcome::GivenUp };
    match verdict.kind {
        None if !verdict.suspect => SlotOutcome::Done,
        None => again(now + SUSPECT_REST),
        Some(kind) => match pacing::retry_at(kind, verdict.retry_after, attempt, now, chance) {
            // Nothing was asked of the model yet: its turn waits for the lane.
            Some(at) if matches!(kind, FailureKind::Auth | FailureKind::Billing) => SlotOutcome::Again(at),
            Some(at) => again(at),
            None => SlotOutcome::GivenUp,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
    }

    fn ended(kind: Option<FailureKind>, suspect: bool) -> AttemptVerdict {
        AttemptVerdict { kind, suspect, retry_after: None, message: String::new() }
    }

    #[test]
    fn a_slot_is_done_given_up_or_tried_again_within_bounds() {
        let cases = [
            (None, false, 1, SlotOutcome::Done),
            (None, true, 1, SlotOutcome::Again(at(20))),
            (None, true, 2, SlotOutcome::GivenUp),
            (Some(FailureKind::Timeout), false, 1, SlotOutcome::Again(at(10))),
            (Some(FailureKind::Timeout), false, 2, SlotOutcome::GivenUp),
            (Some(FailureKind::HardModel), false, 1, SlotOutcome::GivenUp),
            (Some(FailureKind::BudgetExhausted), false, 1, SlotOutcome::GivenUp),
        ];
        for (kind, suspect, attempt, expected) in cases {
            assert_eq!(next(&ended(kind, suspect), attempt, 2, at(0), 0.5), expected, "{kind:?} {attempt}");
        }
        let held = next(&ended(Some(FailureKind::Auth), false), 9, 2, at(0), 0.5);
        assert!(matches!(held, SlotOutcome::Again(_)), "a refused key uses up no attempt");
    }

    #[test]
    fn the_next_slot_comes_in_any_case() {
        assert_eq!(SlotOutcome::Again(at(60)).within(at(60)), SlotOutcome::GivenUp);
        assert_eq!(SlotOutcome::Again(at(59)).within(at(60)), SlotOutcome::Again(at(59)));
    }
}
