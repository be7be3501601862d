//! A measurement that a lane decided on, how it ended, and what becomes of its slot. Pure.

use crate::daemon::budget::Reserved;
use crate::daemon::pace;
use crate::daemon::work::Work;
use crate::domain::{Kind, Slot};
use crate::providers::adapt::Adaptation;
use crate::providers::allowance::Allowance;
use crate::storage::outbox::Spend;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;

/// A spoilt sample is taken again after this.
const SUSPECT_REST: TimeDelta = TimeDelta::seconds(20);

/// A measurement that is to begin.
#[derive(Debug, Clone)]
pub struct Order {
    /// What.
    pub work: Arc<Work>,
    /// Whose turn.
    pub slot: Slot,
    /// What it may cost.
    pub reserved: Reserved,
    /// Which attempt at the slot this is, as far as is known here.
    pub attempt: u32,
    /// It is the one call that finds out whether a held lane works again.
    pub probe: bool,
    /// What earlier refusals taught; `None` where the store has not been asked yet.
    pub learned: Option<Vec<Adaptation>>,
}

/// How the attempt that counts ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// How it failed; `None` for a success.
    pub kind: Option<Kind>,
    /// The client spoilt the sample.
    pub suspect: bool,
    /// How long the provider asks to wait, seconds.
    pub retry_after: Option<f64>,
    /// The failure in a few words.
    pub message: String,
}

/// What becomes of the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It has its row.
    Done,
    /// It is given up; the next one comes.
    GivenUp,
    /// It is tried again then.
    Again(DateTime<Utc>),
}

impl Next {
    /// Where the next slot comes first, nothing is left to be tried in this one.
    #[must_use]
    pub fn within(self, slot_ends: DateTime<Utc>) -> Self {
        match self {
            Next::Again(at) if at >= slot_ends => Next::GivenUp,
            next => next,
        }
    }
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// It was measured.
    Measured {
        /// When the measurement began.
        began_at: DateTime<Utc>,
        /// How it ended.
        verdict: Verdict,
        /// What becomes of the slot.
        next: Next,
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
pub fn next(verdict: &Verdict, attempt: u32, most: u32, now: DateTime<Utc>, chance: f64) -> Next {
    let again = |at| if attempt < most { Next::Again(at) } else { Next::GivenUp };
    match verdict.kind {
        None if !verdict.suspect => Next::Done,
        None => again(now + SUSPECT_REST),
        Some(kind) => match pace::retry_at(kind, verdict.retry_after, attempt, now, chance) {
            // Nothing was asked of the model yet: its turn waits for the lane.
            Some(at) if matches!(kind, Kind::Auth | Kind::Billing) => Next::Again(at),
            Some(at) => again(at),
            None => Next::GivenUp,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
    }

    fn ended(kind: Option<Kind>, suspect: bool) -> Verdict {
        Verdict { kind, suspect, retry_after: None, message: String::new() }
    }

    #[test]
    fn a_slot_is_done_given_up_or_tried_again_within_bounds() {
        let cases = [
            (None, false, 1, Next::Done),
            (None, true, 1, Next::Again(at(20))),
            (None, true, 2, Next::GivenUp),
            (Some(Kind::Timeout), false, 1, Next::Again(at(10))),
            (Some(Kind::Timeout), false, 2, Next::GivenUp),
            (Some(Kind::HardModel), false, 1, Next::GivenUp),
            (Some(Kind::BudgetExhausted), false, 1, Next::GivenUp),
        ];
        for (kind, suspect, attempt, expected) in cases {
            assert_eq!(next(&ended(kind, suspect), attempt, 2, at(0), 0.5), expected, "{kind:?} {attempt}");
        }
        let held = next(&ended(Some(Kind::Auth), false), 9, 2, at(0), 0.5);
        assert!(matches!(held, Next::Again(_)), "a refused key uses up no attempt");
    }

    #[test]
    fn the_next_slot_comes_in_any_case() {
        assert_eq!(Next::Again(at(60)).within(at(60)), Next::GivenUp);
        assert_eq!(Next::Again(at(59)).within(at(60)), Next::Again(at(59)));
    }
}
