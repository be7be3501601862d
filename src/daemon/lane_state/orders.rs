//! The orders of a lane: what they reserve of the day's budget, which of them make a pair, and what the counterparts of
//! pairs change.

use super::{LaneState, REQUESTS, ScheduledWork};
use crate::daemon::budget::{BudgetError, BudgetReservation};
use crate::daemon::measurement_order::{EndedRequest, MeasurementOrder, OrderedPair};
use crate::daemon::pacing::PacingDecision;
use crate::daemon::price::worst_case;
use crate::daemon::schedule;
use crate::daemon::series_work::SeriesWork;
use crate::domain::FailureKind;
use crate::outbox::Spend;
use crate::providers::allowance::Allowance;
use chrono::{DateTime, Utc};
use std::sync::Arc;

impl LaneState {
    pub(super) fn order(
        &mut self,
        place: usize,
        probe: bool,
        now: DateTime<Utc>,
    ) -> Result<MeasurementOrder, BudgetError> {
        let ScheduledWork { work, turn } = &self.entries[place];
        let (work, slot) = (Arc::clone(work), schedule::slot(&work.plan, now));
        let attempt = turn.attempts_at(slot.starts_at) + 1;
        let reserved = self.reserve(&work, now)?;
        let pair = self.pair(&work, attempt, probe, now);
        self.busy.insert(slot.series.clone(), now);
        Ok(MeasurementOrder { work, slot, reserved, attempt, probe, pair })
    }

    /// Reserves the worst case of one measurement.
    fn reserve(&mut self, work: &SeriesWork, now: DateTime<Utc>) -> Result<BudgetReservation, BudgetError> {
        let left = self.budget.left(now).runs.unwrap_or(REQUESTS);
        let requests = REQUESTS.min(left).max(1);
        let (input, output) = worst_case(&work.question.profile);
        let tokens = (input * requests, output * requests);
        self.budget.reserve(requests, tokens, work.price, now)
    }

    /// Skips a model whose price is unknown while dollars are limited; other models continue.
    pub(super) fn leave_out(&mut self, place: usize, now: DateTime<Utc>) {
        let ScheduledWork { work, turn } = &mut self.entries[place];
        let model = &work.item.model;
        let message = format!("{model} is not measured: money is limited, and nobody knows its price");
        self.facts.last_failure = Some((FailureKind::BudgetExhausted, message));
        self.facts.failures = self.facts.failures.saturating_add(1);
        let slot_at = schedule::slot(&work.plan, now).starts_at;
        turn.settle(slot_at, now);
    }

    /// The pair of an order, if its profile asks for pairs and the second request can do no harm: not while the lane is
    /// held or slowed down, not with the last of the day's budget, and not at another attempt, so that the slot gets its
    /// own row where there is room for one request alone.
    fn pair(
        &mut self,
        work: &SeriesWork,
        attempt: u32,
        probe: bool,
        now: DateTime<Utc>,
    ) -> Option<OrderedPair> {
        let fits = work.is_paired() && attempt == 1 && !probe && self.pace.slow(now).is_none();
        if !fits {
            return None;
        }
        let reserved = self.reserve(work, now).ok()?;
        Some(OrderedPair { plan: self.lots.draw(), reserved })
    }

    /// True if the lane is neither held nor slowed down, also not by the rest of a limit that its newest response told.
    pub fn goes_freely(&self, newest: Option<&Allowance>, now: DateTime<Utc>) -> bool {
        let mut pace = self.pace.clone();
        newest.into_iter().for_each(|allowance| pace.allowed(allowance, now));
        let goes = matches!(pace.permit(now), PacingDecision::Go) && pace.slow(now).is_none();
        goes && self.stopped(now).is_none()
    }

    /// Records the end of an order's counterpart, `None` if it was not made. It comes after the end of the order itself,
    /// which may have ended a hold. Of its failures the pace hears those that ask for a pause: another refusal of the same
    /// model at the same moment is no second opinion.
    pub fn counterpart_ended(
        &mut self,
        order: &MeasurementOrder,
        end: Option<EndedRequest>,
        now: DateTime<Utc>,
    ) {
        let Some(pair) = &order.pair else { return };
        self.budget.settle(pair.reserved, end.as_ref().map_or_else(Spend::default, |end| end.spent));
        let Some(end) = end else { return };
        let EndedRequest { began_at, verdict, learned, allowance, .. } = end;
        self.learn(&order.slot.series.model, learned);
        if verdict.asks_for_a_pause() {
            self.told_of(order, began_at, &verdict, now);
        }
        // The allowance of the request that was made last is the newest.
        if let Some(allowance) = allowance.filter(|_| pair.plan.cold_first) {
            self.pace.allowed(&allowance, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::measurement_order::{AttemptVerdict, OrderOutcome, SlotOutcome};
    use crate::daemon::schedule::SeriesSchedule;
    use crate::domain::daemon_config::{DaemonConfig, DailyLimits, ProviderOverrides};
    use crate::domain::profile::built_in;
    use crate::domain::{ModelRef, Profile, Series};
    use crate::measure::measurer::RequestSpec;
    use crate::storage::WorkItem;
    use crate::wire::ExchangeLimits;
    use chrono::TimeDelta;
    use serde_json::Map;
    use std::collections::HashMap;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_020 + seconds, 0).unwrap()
    }

    fn work(counts: bool) -> Arc<SeriesWork> {
        let [profile, ..] = built_in();
        let profile = Profile { paired: true, ..profile };
        let model = ModelRef::new("groq", "m");
        let series =
            Series { model: model.clone(), profile_id: profile.id.clone(), vantage: "main".to_owned() };
        let (role, limits) = ("published".to_owned(), ExchangeLimits::default());
        Arc::new(SeriesWork {
            plan: SeriesSchedule::new(series, 60, 0.0),
            item: Arc::new(WorkItem { model, display_name: "M".to_owned(), metadata: Map::new() }),
            question: Arc::new(RequestSpec { profile, role, limits, warm: false }),
            price: None,
            counts,
        })
    }

    /// A lane of one paired series, with so many requests a day.
    fn lane(runs: Option<u64>, counts: bool) -> LaneState {
        let limits = DailyLimits { runs, ..DailyLimits::default() };
        let overrides = ProviderOverrides { limits, ..ProviderOverrides::default() };
        let by_provider = [("groq".to_owned(), overrides)].into();
        let daemon_config = DaemonConfig { by_provider, ..DaemonConfig::default() };
        let mut lane = LaneState::new("groq", &daemon_config, Spend::default(), at(0));
        lane.take(vec![work(counts)], &HashMap::new());
        lane
    }

    fn next(lane: &mut LaneState, now: DateTime<Utc>) -> MeasurementOrder {
        let [order] = lane.look(1, now).orders.try_into().unwrap();
        order
    }

    fn runs(runs: u64) -> Spend {
        Spend { runs, ..Spend::default() }
    }

    /// Refusals that neither hold a lane nor say that its provider works.
    const REFUSALS: [FailureKind; 6] = [
        FailureKind::Auth,
        FailureKind::Billing,
        FailureKind::HardModel,
        FailureKind::HardCapability,
        FailureKind::BudgetExhausted,
        FailureKind::Truncated,
    ];

    fn ended(kind: Option<FailureKind>, allowance: Option<Allowance>) -> EndedRequest {
        let verdict = AttemptVerdict { kind, suspect: false, retry_after: None, message: String::new() };
        EndedRequest { began_at: at(0), verdict, spent: runs(1), learned: Vec::new(), allowance }
    }

    fn measured(next: SlotOutcome) -> OrderOutcome {
        OrderOutcome::Measured { ended: ended(None, None), next, attempt: 1 }
    }

    #[test]
    fn a_pair_reserves_both_requests_and_spends_what_each_cost() {
        let mut lane = lane(Some(20), true);
        let order = next(&mut lane, at(0));
        assert_eq!((order.measurements(), lane.budget.left(at(0)).runs), (2, Some(20 - 2 * REQUESTS)));
        lane.ended(&order, measured(SlotOutcome::Done), at(1));
        lane.counterpart_ended(&order, Some(ended(None, None)), at(1));
        assert_eq!(lane.budget.left(at(1)).runs, Some(18));
        let order = next(&mut lane, at(60));
        lane.ended(&order, OrderOutcome::NotBegun, at(61));
        lane.counterpart_ended(&order, None, at(61));
        assert_eq!(lane.budget.left(at(61)).runs, Some(18), "what was not begun costs nothing");
    }

    #[test]
    fn where_one_request_alone_has_room_it_is_that_of_the_slot() {
        assert!(next(&mut lane(Some(REQUESTS), true), at(0)).pair.is_none(), "the rest of the budget");
        assert!(next(&mut lane(None, false), at(0)).pair.is_none(), "a trial call");
        let mut lane = lane(None, true);
        let order = next(&mut lane, at(0));
        lane.ended(&order, measured(SlotOutcome::Again(at(5))), at(1));
        lane.counterpart_ended(&order, None, at(1));
        assert!(lane.look(1, at(4)).orders.is_empty(), "the slot rests");
        let again = next(&mut lane, at(6));
        assert_eq!((again.attempt, again.pair.is_none(), &again.slot), (2, true, &order.slot));
        lane.ended(&again, measured(SlotOutcome::Done), at(7));
        assert!(next(&mut lane, at(60)).pair.is_some(), "the next slot is a pair again");
    }

    #[test]
    fn a_counterpart_holds_the_lane_only_where_the_provider_asks_for_a_pause() {
        for (kind, held) in [
            (Some(FailureKind::Auth), false),
            (Some(FailureKind::Timeout), false),
            (Some(FailureKind::HardModel), false),
            (Some(FailureKind::RateLimit), true),
        ] {
            let mut lane = lane(None, true);
            let order = next(&mut lane, at(0));
            lane.ended(&order, measured(SlotOutcome::Done), at(1));
            lane.counterpart_ended(&order, Some(ended(kind, None)), at(1));
            assert_eq!(lane.facts.failures, 0, "the lane's health is that of its series");
            assert_eq!(lane.room(1, at(1)).0 == 0, held, "{kind:?}");
        }
    }

    #[test]
    fn a_refused_counterpart_neither_holds_a_lane_nor_frees_it() {
        for kind in REFUSALS {
            let mut lane = lane(None, true);
            let order = next(&mut lane, at(0));
            let mut refused = ended(Some(kind), None);
            (refused.began_at, refused.verdict.retry_after) = (at(2), Some(9.0));
            lane.counterpart_ended(&order, Some(refused.clone()), at(3));
            assert!(lane.goes_freely(None, at(3)), "{kind:?}");
            let limited = ended(Some(FailureKind::RateLimit), None).verdict;
            lane.told_of(&order, at(0), &limited, at(1));
            lane.counterpart_ended(&order, Some(refused), at(3));
            assert!(!lane.goes_freely(None, at(3)), "{kind:?}");
        }
    }

    #[test]
    fn a_lane_that_is_held_or_slowed_down_in_the_meantime_bears_no_counterpart() {
        let rest = |left| Allowance { what: "requests".to_owned(), left, of: 100, resets_in: 30.0 };
        let mut lane = lane(None, true);
        let order = next(&mut lane, at(0));
        assert!(lane.goes_freely(None, at(1)) && lane.goes_freely(Some(&rest(50)), at(1)));
        assert!(!lane.goes_freely(Some(&rest(0)), at(1)), "the next request would be refused");
        assert!(!lane.goes_freely(Some(&rest(5)), at(1)), "requests are spread over the rest");
        assert!(lane.goes_freely(None, at(1)), "asking changes nothing");
        let limited = ended(Some(FailureKind::RateLimit), None).verdict;
        lane.told_of(&order, at(0), &limited, at(1));
        assert!(!lane.goes_freely(None, at(2)), "another measurement was refused");
    }

    #[test]
    fn the_allowance_of_the_later_request_counts() {
        let nothing_left = Allowance { what: "requests".to_owned(), left: 0, of: 10, resets_in: 30.0 };
        let mut seen = std::collections::BTreeSet::new();
        for minute in 0..64 {
            let (mut lane, now) = (lane(None, true), at(0) + TimeDelta::minutes(minute));
            let order = next(&mut lane, now);
            let cold_first = order.pair.as_ref().unwrap().plan.cold_first;
            lane.ended(&order, measured(SlotOutcome::Done), now);
            lane.counterpart_ended(&order, Some(ended(None, Some(nothing_left.clone()))), now);
            assert_eq!(lane.room(1, now).0 == 0, cold_first);
            seen.insert(cold_first);
        }
        assert_eq!(seen.len(), 2, "both orders are drawn");
    }
}
