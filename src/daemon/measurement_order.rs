//! A measurement that a lane has decided to make, its outcome, and the consequence for its slot. Pure.

use crate::daemon::budget::BudgetReservation;
use crate::daemon::pacing;
use crate::daemon::series_work::SeriesWork;
use crate::domain::pair::PairPlan;
use crate::domain::{FailureKind, Slot};
use crate::outbox::Spend;
use crate::providers::adapt::Adaptation;
use crate::providers::allowance::Allowance;
use crate::storage::claims::AttemptEnd;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;

/// Delay before a spoiled sample is repeated.
const SUSPECT_REST: TimeDelta = TimeDelta::seconds(20);

/// A measurement to be made.
#[derive(Debug, Clone)]
pub struct MeasurementOrder {
    pub work: Arc<SeriesWork>,
    pub slot: Slot,
    pub reserved: BudgetReservation,
    /// Number of the attempt at the slot, as far as the lane knows.
    pub attempt: u32,
    /// This is the only call that tests if a held lane works again.
    pub probe: bool,
    /// The pair that is made of it, if its profile asks for pairs and there is room for two requests.
    pub pair: Option<OrderedPair>,
}

/// The pair of an order: beside the request of the series its counterpart, in an order that was drawn.
#[derive(Debug, Clone)]
pub struct OrderedPair {
    pub plan: PairPlan,
    /// The part of the budget for the counterpart.
    pub reserved: BudgetReservation,
}

impl MeasurementOrder {
    /// The most measurements that it makes, one after the other.
    pub fn measurements(&self) -> u32 {
        if self.pair.is_some() { 2 } else { 1 }
    }
}

/// The result of the attempt that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptVerdict {
    /// `None` for a success.
    pub kind: Option<FailureKind>,
    /// The client spoiled the sample.
    pub suspect: bool,
    /// Delay that the provider asks for, in seconds.
    pub retry_after: Option<f64>,
    /// Short description of the failure.
    pub message: String,
}

impl AttemptVerdict {
    /// True for a success that the client did not spoil.
    pub fn is_sound(&self) -> bool {
        self.kind.is_none() && !self.suspect
    }

    /// True if the provider asked for a pause. A refusal of the model, the key or the request is none, whatever its headers
    /// say: another try gets the same answer.
    pub fn asks_for_a_pause(&self) -> bool {
        let asked = || self.retry_after.is_some_and(|seconds| seconds > 0.0);
        self.kind
            .is_some_and(|kind| kind == FailureKind::RateLimit || (pacing::is_transient(kind) && asked()))
    }
}

/// What a request says about its slot, its provider and the budget. That of a pair's counterpart decides nothing about the
/// slot, the model or the lane's health: a published row says what these follow from, and the counterpart is another kind
/// of request. The provider's pace, the budget and what a refusal taught concern every request.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedRequest {
    pub began_at: DateTime<Utc>,
    pub verdict: AttemptVerdict,
    pub spent: Spend,
    pub learned: Vec<Adaptation>,
    /// The tightest remaining rate limit that the newest response reported.
    pub allowance: Option<Allowance>,
}

/// The consequence for the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotOutcome {
    /// The slot has its row.
    Done,
    /// The slot has failed; the next one follows.
    GivenUp,
    /// The slot is tried again at this time.
    Again(DateTime<Utc>),
}

impl SlotOutcome {
    /// Turns a retry after the end of the slot into [`SlotOutcome::GivenUp`].
    #[must_use]
    pub fn within(self, slot_ends: DateTime<Utc>) -> Self {
        match self {
            SlotOutcome::Again(at) if at >= slot_ends => SlotOutcome::GivenUp,
            next => next,
        }
    }
}

/// The outcome of an order.
#[derive(Debug, Clone, PartialEq)]
pub enum OrderOutcome {
    /// The measurement was made.
    Measured {
        ended: EndedRequest,
        next: SlotOutcome,
        /// Number of the attempt at the slot, from 1.
        attempt: u32,
    },
    /// Another daemon works on the slot, or the slot rests, until this time.
    Elsewhere(DateTime<Utc>),
    /// The slot is already complete.
    Finished {
        /// How another daemon's attempt at it ended, if that is known.
        ended: Option<AttemptEnd>,
    },
    /// The outbox has no room for another measurement.
    NoRoom(String),
    /// The measurement was not begun after all.
    NotBegun,
}

/// The consequence for a slot whose attempt number `attempt` of `most` ended with `verdict`.
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
            // The model itself was not called yet, so the attempt limit does not apply.
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
    fn only_rate_limits_and_transient_failures_ask_for_a_pause() {
        let asks =
            |kind, retry_after| AttemptVerdict { retry_after, ..ended(kind, false) }.asks_for_a_pause();
        assert!(
            asks(Some(FailureKind::RateLimit), None) && asks(Some(FailureKind::TransientProvider), Some(2.0))
        );
        assert!(!asks(None, None) && !asks(Some(FailureKind::Timeout), None));
        assert!(!asks(Some(FailureKind::TransientProvider), Some(0.0)));
        let asking = FailureKind::ALL.into_iter().filter(|kind| asks(Some(*kind), Some(2.0)));
        let expected = [
            FailureKind::RateLimit,
            FailureKind::TransientProvider,
            FailureKind::Network,
            FailureKind::Timeout,
            FailureKind::Protocol,
            FailureKind::Unknown,
        ];
        assert_eq!(asking.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_next_slot_comes_in_any_case() {
        assert_eq!(SlotOutcome::Again(at(60)).within(at(60)), SlotOutcome::GivenUp);
        assert_eq!(SlotOutcome::Again(at(59)).within(at(60)), SlotOutcome::Again(at(59)));
    }
}
