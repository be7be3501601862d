//! State of a lane: its series and their progress, its pace, its budget, and times that change only when real work is
//! done. It outlives the lane's task, so a lane that panics continues from here. Nothing here waits or does I/O.

mod orders;

use crate::daemon::budget::{Budget, BudgetError};
use crate::daemon::lane_status::{self, LaneFacts, patience};
use crate::daemon::measurement_order::{
    AttemptVerdict, EndedRequest, MeasurementOrder, OrderOutcome, SlotOutcome,
};
use crate::daemon::pacing::{EndedMeasurement, PacingDecision, ProviderPacing};
use crate::daemon::schedule::{self, SchedulePass, SeriesProgress};
use crate::daemon::series_work::SeriesWork;
use crate::domain::daemon_config::DaemonConfig;
use crate::domain::daemon_status::{BudgetReport, LaneReport};
use crate::domain::{ModelRef, Series};
use crate::measure::paired::PairLots;
use crate::outbox::Spend;
use crate::providers::adapt::Adaptation;
use crate::storage::claims::AttemptEnd;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// Longest time between two looks at the series: the wall clock may have been set.
const LONGEST_SLEEP: TimeDelta = TimeDelta::seconds(5);
/// Pause after the outbox had no room.
const OUTBOX_REST: TimeDelta = TimeDelta::seconds(10);
/// Maximum number of requests of one measurement: see `measure::measurer`.
pub const REQUESTS: u64 = 4;

struct ScheduledWork {
    work: Arc<SeriesWork>,
    turn: SeriesProgress,
}

/// A pause of the lane, independent of its pace.
#[derive(Debug, Clone)]
struct LanePause {
    reason: String,
    until: DateTime<Utc>,
    times: u32,
}

/// The result of [`LaneState::look`].
#[derive(Debug, Default)]
pub struct LaneDispatch {
    /// Measurements that begin now.
    pub orders: Vec<MeasurementOrder>,
    /// Time during which nothing else can begin, unless a measurement ends.
    pub sleep: TimeDelta,
}

pub struct LaneState {
    /// The lane's work, sorted by series.
    entries: Vec<ScheduledWork>,
    busy: HashMap<Series, DateTime<Utc>>,
    pace: ProviderPacing,
    budget: Budget,
    learned: HashMap<ModelRef, Vec<Adaptation>>,
    /// Orders the halves of pairs.
    lots: PairLots,
    stop: Option<LanePause>,
    pass: SchedulePass,
    facts: LaneFacts,
    /// The hard deadline of one measurement.
    deadline: Duration,
    started_at: Option<DateTime<Utc>>,
    /// The shortest cadence, in seconds, of the series whose rows count.
    cadence: Option<u32>,
    /// See [`LaneReport::idle_since`]; `None` if other work was taken over since the last look.
    idle_since: Option<DateTime<Utc>>,
}

impl LaneState {
    /// Creates a state without series. `spent` is the provider's spending earlier today.
    pub fn new(provider: &str, daemon_config: &DaemonConfig, spent: Spend, now: DateTime<Utc>) -> Self {
        let deadline = daemon_config.deadline;
        Self {
            entries: Vec::new(),
            busy: HashMap::new(),
            pace: ProviderPacing::new(
                TimeDelta::from_std(daemon_config.recheck).unwrap_or(TimeDelta::minutes(1)),
            ),
            budget: Budget::new(daemon_config.limits(provider), spent, now),
            learned: HashMap::new(),
            lots: PairLots::seeded(rand::random()),
            stop: None,
            pass: SchedulePass::default(),
            facts: LaneFacts { began_at: Some(now), patience: patience(deadline, 1), ..LaneFacts::default() },
            deadline,
            started_at: None,
            cadence: None,
            idle_since: None,
        }
    }

    /// Replaces the lane's work, which is sorted by series. Series that stay keep their progress; new
    /// ones start from `known`.
    pub fn take(&mut self, work: Vec<Arc<SeriesWork>>, known: &HashMap<Series, SeriesProgress>) {
        let before = std::mem::take(&mut self.entries);
        let entry = |work: Arc<SeriesWork>| {
            let series = &work.plan.series;
            let stays = place(&before, series).map(|place| {
                let ScheduledWork { work: known, turn } = &before[place];
                // Another request may get another answer.
                let terminal = if known.item.metadata == work.item.metadata { turn.terminal } else { 0 };
                SeriesProgress { terminal, ..turn.clone() }
            });
            let turn = stays.or_else(|| known.get(series).cloned()).unwrap_or_default();
            ScheduledWork { work, turn }
        };
        self.entries = work.into_iter().map(entry).collect();
        let paired = self.entries.iter().any(|entry| entry.work.is_paired());
        self.facts.patience = patience(self.deadline, if paired { 2 } else { 1 });
        let counting = self.entries.iter().filter(|entry| entry.work.counts);
        let cadence = counting.map(|entry| entry.work.plan.cadence_seconds).min();
        if self.cadence != cadence {
            (self.cadence, self.idle_since) = (cadence, None);
        }
    }

    /// Moves all remembered times after the daemon's clock moved, so that they keep their distance from now.
    pub fn clock_moved(&mut self, by: TimeDelta) {
        self.entries.iter_mut().for_each(|entry| entry.turn.clock_moved(by));
        self.busy.values_mut().for_each(|began_at| *began_at += by);
        self.pace.clock_moved(by);
        self.facts.clock_moved(by);
        let stop = self.stop.as_mut().map(|stop| &mut stop.until);
        let own = [&mut self.started_at, &mut self.idle_since, &mut self.pass.due_since];
        own.into_iter().flatten().chain(stop).for_each(|moment| *moment += by);
    }

    /// Adds request adaptations of a model that are already known.
    pub fn learn(&mut self, model: &ModelRef, lessons: impl IntoIterator<Item = Adaptation>) {
        let known = self.learned.entry(model.clone()).or_default();
        for lesson in lessons {
            if !known.contains(&lesson) {
                known.push(lesson);
            }
        }
    }

    /// The request adaptations of a model; `None` if the store has not been asked yet.
    pub fn learned(&self, model: &ModelRef) -> Option<Vec<Adaptation>> {
        self.learned.get(model).cloned()
    }

    /// Selects due series for which `allowed` concurrent measurements leave room, and reserves their budget.
    pub fn look(&mut self, allowed: usize, now: DateTime<Utc>) -> LaneDispatch {
        self.idle_since.get_or_insert(now);
        let (room, probe) = self.room(allowed, now);
        let waiting = self.entries.iter().enumerate();
        let waiting = waiting.filter(|(_, entry)| !self.busy.contains_key(&entry.work.plan.series));
        let waiting = waiting.map(|(place, entry)| (place, &entry.work.plan, &entry.turn));
        self.pass = schedule::pass(waiting, now, room);
        let mut orders = Vec::new();
        for place in std::mem::take(&mut self.pass.chosen) {
            match self.order(place, probe, now) {
                Ok(order) => orders.push(order),
                Err(BudgetError::NoPrice) => self.leave_out(place, now),
                Err(BudgetError::Spent { what, until }) => {
                    let reason = format!("the day's budget of {what} is used up");
                    // Running calls may release part of the budget, and the clock may be set.
                    let until = until.min(now + TimeDelta::minutes(1));
                    self.stop = Some(LanePause { reason, until, times: 0 });
                    break;
                }
            }
        }
        LaneDispatch { orders, sleep: self.sleep(now) }
    }

    fn room(&mut self, allowed: usize, now: DateTime<Utc>) -> (usize, bool) {
        if self.stopped(now).is_some() {
            return (0, false);
        }
        match self.pace.permit(now) {
            PacingDecision::Go => match self.pace.slow(now) {
                None => (allowed.saturating_sub(self.busy.len()), false),
                Some(next_at) => (usize::from(self.busy.is_empty() && next_at <= now), false),
            },
            PacingDecision::ProbeOnly { .. } => (usize::from(self.busy.is_empty()), true),
            PacingDecision::Wait { .. } => (0, false),
        }
    }

    /// The pause that holds the lane now. One that ends later than any pause can last comes from a clock that was set.
    fn stopped(&self, now: DateTime<Utc>) -> Option<&LanePause> {
        self.stop.as_ref().filter(|stop| stop.until > now && stop.until <= now + TimeDelta::hours(1))
    }

    fn sleep(&self, now: DateTime<Utc>) -> TimeDelta {
        let held = match self.pace.permit(now) {
            PacingDecision::Wait { until, .. } => Some(until),
            _ => None,
        };
        let next = [held, self.pace.slow(now), self.pass.next_at, self.stopped(now).map(|stop| stop.until)];
        let next = next.into_iter().flatten().filter(|at| *at > now).min();
        next.map_or(LONGEST_SLEEP, |at| (at - now).min(LONGEST_SLEEP))
    }

    /// Records the outcome of an order.
    pub fn ended(&mut self, order: &MeasurementOrder, end: OrderOutcome, now: DateTime<Utc>) {
        self.busy.remove(&order.slot.series);
        let mut turn = SeriesProgress::default();
        let turn = match place(&self.entries, &order.slot.series) {
            Some(place) => &mut self.entries[place].turn,
            // Its model was switched off in the meantime.
            None => &mut turn,
        };
        let slot_at = order.slot.starts_at;
        let spent = match end {
            OrderOutcome::Measured { ended, next, attempt } => {
                let EndedRequest { began_at, verdict, spent, learned, allowance } = ended;
                turn.told(verdict.kind);
                match next {
                    SlotOutcome::Again(at) => turn.rest(slot_at, at, attempt, Some(now)),
                    SlotOutcome::Done | SlotOutcome::GivenUp => turn.settle(slot_at, now),
                }
                self.learn(&order.slot.series.model, learned);
                self.note(order, began_at, verdict, now);
                // This comes after the verdict, which may have ended a hold.
                if let Some(allowance) = &allowance {
                    self.pace.allowed(allowance, now);
                }
                spent
            }
            OrderOutcome::Elsewhere(until) => {
                let attempts = turn.attempts_at(slot_at);
                turn.rest(slot_at, until, attempts, None);
                Spend::default()
            }
            OrderOutcome::Finished { ended } => {
                // The answer that another daemon got is the model's all the same.
                match ended {
                    Some(AttemptEnd::Success) => turn.told(None),
                    Some(AttemptEnd::Failure(kind)) => turn.told(Some(kind)),
                    None => {}
                }
                turn.settle(slot_at, now);
                self.idle_since = Some(now);
                Spend::default()
            }
            OrderOutcome::NoRoom(reason) => {
                self.stop = Some(LanePause { reason, until: now + OUTBOX_REST, times: 0 });
                Spend::default()
            }
            OrderOutcome::NotBegun => Spend::default(),
        };
        self.budget.settle(order.reserved, spent);
    }

    fn note(
        &mut self,
        order: &MeasurementOrder,
        began_at: DateTime<Utc>,
        verdict: AttemptVerdict,
        now: DateTime<Utc>,
    ) {
        self.told_of(order, began_at, &verdict, now);
        let AttemptVerdict { kind, message, .. } = verdict;
        self.stop = None;
        self.started_at = self.started_at.max(Some(began_at));
        (self.facts.finished_at, self.idle_since) = (Some(now), Some(now));
        match kind {
            None => {
                (self.facts.succeeded_at, self.facts.failures, self.facts.last_failure) =
                    (Some(now), 0, None);
            }
            Some(kind) => {
                self.facts.failures = self.facts.failures.saturating_add(1);
                self.facts.last_failure = Some((kind, message));
            }
        }
    }

    /// Tells the provider's pace how a measurement ended.
    fn told_of(
        &mut self,
        order: &MeasurementOrder,
        began_at: DateTime<Utc>,
        verdict: &AttemptVerdict,
        now: DateTime<Utc>,
    ) {
        let mut hasher = DefaultHasher::new();
        order.slot.series.hash(&mut hasher);
        let AttemptVerdict { kind, retry_after, message, .. } = verdict.clone();
        let ended = EndedMeasurement { began_at, series: hasher.finish(), kind, retry_after, message };
        self.pace.ended(&ended, now, rand::random());
    }

    /// Pauses the lane because the provider cannot be called. The pause doubles each time, up to one hour.
    pub fn closed(&mut self, reason: String, recheck: TimeDelta, now: DateTime<Utc>) {
        let times = self.stop.as_ref().map_or(0, |stop| stop.times.saturating_add(1));
        let wait =
            recheck.checked_mul(1 << times.min(10)).unwrap_or(TimeDelta::hours(1)).min(TimeDelta::hours(1));
        self.stop = Some(LanePause { reason, until: now + wait, times });
    }

    /// True if the provider's key should be fetched again before the next call.
    pub fn doubts_the_key(&self) -> bool {
        self.pace.doubts_the_key()
    }

    /// Records the time at which the lane restarts after a panic; `None` once it has restarted.
    pub fn restarts(&mut self, at: Option<DateTime<Utc>>) {
        self.facts.restarts_at = at;
    }

    /// Number of running measurements.
    pub fn running(&self) -> usize {
        self.busy.len()
    }

    /// True if nothing is running and nothing can begin now.
    pub fn is_quiet(&self, now: DateTime<Utc>) -> bool {
        let held =
            self.stopped(now).is_some() || matches!(self.pace.permit(now), PacingDecision::Wait { .. });
        self.busy.is_empty() && (self.pass.due == 0 || held)
    }

    /// True if nothing is running and nothing becomes due for so long.
    pub fn is_calm(&self, so_long: TimeDelta, now: DateTime<Utc>) -> bool {
        self.is_quiet(now) && self.pass.next_at.is_none_or(|at| at - now > so_long)
    }

    /// The lane's report. `stored_at` is the time at which the store last confirmed one of its rows.
    pub fn daemon_status(
        &self,
        provider: &str,
        concurrency: usize,
        held_back: bool,
        stored_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> LaneReport {
        let held = match (self.stopped(now), self.pace.permit(now)) {
            (Some(stop), _) => Some((stop.reason.clone(), Some(stop.until))),
            (None, PacingDecision::Wait { until, reason }) => Some((reason, Some(until))),
            (None, PacingDecision::ProbeOnly { reason }) => Some((reason, None)),
            (None, PacingDecision::Go) => None,
        };
        let (due, running) = (self.pass.due as u64, self.busy.len() as u64);
        let facts =
            LaneFacts { held, held_back, due, due_at: self.pass.due_since, running, ..self.facts.clone() };
        let (state, reason, until) = lane_status::judge(&facts, now);
        LaneReport {
            provider: provider.to_owned(),
            state,
            reason,
            until,
            series: self.entries.len() as u64,
            due,
            running,
            concurrency: concurrency as u64,
            due_at: facts.due_at,
            started_at: self.busy.values().copied().max().max(self.started_at),
            finished_at: facts.finished_at,
            succeeded_at: facts.succeeded_at,
            stored_at,
            idle_since: self.idle_since,
            cadence_seconds: self.cadence,
            budget: BudgetReport::of(self.budget.limits(), self.budget.left(now)),
        }
    }
}

/// Index of a series in entries that are sorted by series.
fn place(entries: &[ScheduledWork], series: &Series) -> Option<usize> {
    entries.binary_search_by(|entry| entry.work.plan.series.cmp(series)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::schedule::SeriesSchedule;
    use crate::domain::FailureKind;
    use crate::domain::profile::built_in;
    use crate::measure::measurer::RequestSpec;
    use crate::storage::WorkItem;
    use crate::wire::ExchangeLimits;
    use serde_json::Map;

    fn work() -> Arc<SeriesWork> {
        let [profile, ..] = built_in();
        let model = ModelRef::new("groq", "m");
        let series =
            Series { model: model.clone(), profile_id: profile.id.clone(), vantage: "main".to_owned() };
        let question = RequestSpec {
            profile,
            role: "published".to_owned(),
            limits: ExchangeLimits::default(),
            warm: false,
        };
        Arc::new(SeriesWork {
            plan: SeriesSchedule::new(series, 60, 0.0),
            item: Arc::new(WorkItem { model, display_name: "M".to_owned(), metadata: Map::new() }),
            question: Arc::new(question),
            price: None,
            counts: true,
        })
    }

    /// Looks once a minute, and returns the minutes in which a turn began that another daemon had finished before.
    fn asked(ended: Option<AttemptEnd>) -> Vec<i64> {
        let start = DateTime::from_timestamp(1_795_000_020, 0).unwrap();
        let mut lane = LaneState::new("groq", &DaemonConfig::default(), Spend::default(), start);
        lane.take(vec![work()], &HashMap::new());
        let mut asked = Vec::new();
        for minute in 0..16 {
            let now = start + TimeDelta::minutes(minute);
            for order in lane.look(1, now).orders {
                asked.push(minute);
                lane.ended(&order, OrderOutcome::Finished { ended }, now);
            }
        }
        asked
    }

    #[test]
    fn a_terminal_answer_that_another_daemon_got_counts_here() {
        let gone = Some(AttemptEnd::Failure(FailureKind::HardModel));
        assert_eq!(asked(gone), [0, 1, 3, 7, 15], "rarer from the second on");
        let every_minute: Vec<i64> = (0..16).collect();
        for ended in [None, Some(AttemptEnd::Success), Some(AttemptEnd::Failure(FailureKind::Timeout))] {
            assert_eq!(asked(ended), every_minute, "{ended:?}");
        }
    }
}
