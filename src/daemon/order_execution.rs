//! Carries out one measurement: claims the slot, records the intent, measures under a hard deadline, hands the rows to
//! the outbox and reports the outcome. Each runs as its own task that is never aborted; only the measuring
//! task inside it is.

use crate::daemon::event::DaemonEvent;
use crate::daemon::lane::Lane;
use crate::daemon::measurement_order::{self, AttemptVerdict, MeasurementOrder, OrderOutcome, SlotOutcome};
use crate::daemon::price::used;
use crate::daemon::provider_client::ProviderClient;
use crate::daemon::{clock, row_annotations};
use crate::domain::clock_skew::BEARABLE;
use crate::domain::{FailureKind, Outcome};
use crate::measure::measurer::AttemptResult;
use crate::outbox::{CallIntent, OutboxError, Spend};
use crate::providers::adapt::Adaptation;
use crate::storage::StoreError;
use crate::storage::claims::{AttemptEnd, ClaimResult, Grant, JobOutcome, SlotClaim};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinError;
use tokio::time::{sleep, timeout};

/// A lease outlasts the hard deadline by this: claim, intent, outbox, process pauses, clock differences.
const LEASE_MARGIN: Duration = Duration::from_secs(BEARABLE.num_seconds().unsigned_abs());
/// An aborted task that does not end within this time is stuck.
const ABORT_PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two attempts to hand rows to an outbox without room.
const NO_ROOM_PAUSE: Duration = Duration::from_secs(1);

/// A granted claim, and the time since boot at its request; unlike monotonic time, that also advances in suspend.
struct HeldLease {
    grant: Grant,
    asked: Duration,
}

/// The result of the measuring task.
struct MeasuredAttempts {
    outcomes: Vec<Outcome>,
    attempts: Vec<AttemptResult>,
    began_at: DateTime<Utc>,
    begun: Instant,
}

/// Carries out one order and records its outcome in the lane.
pub async fn carry_out(lane: Arc<Lane>, client: Arc<dyn ProviderClient>, order: MeasurementOrder) {
    let end = OrderExecution { lane: &lane, order: &order }.run(client).await;
    if let OrderOutcome::Measured { verdict, .. } = &end
        && verdict.suspect
    {
        lane.shared.governor().suspect(lane.shared.clock.now());
    }
    let now = lane.shared.clock.now();
    lane.lane_state().ended(&order, end, now);
    lane.nudge();
}

struct OrderExecution<'a> {
    lane: &'a Arc<Lane>,
    order: &'a MeasurementOrder,
}

impl OrderExecution<'_> {
    async fn run(&self, client: Arc<dyn ProviderClient>) -> OrderOutcome {
        let held = match self.claim().await {
            Ok(held) => held,
            Err(end) => return end,
        };
        let attempt = held.as_ref().map_or(self.order.attempt, |held| held.grant.attempt);
        if self.has_its_row(held.as_ref(), attempt).await {
            self.settle(held, JobOutcome::Success).await;
            return OrderOutcome::Finished { ended: Some(AttemptEnd::Success) };
        }
        let work = &self.order.work;
        let endpoint = client.endpoint(&work.item, &work.question).fields();
        let intent = match self.intend(held.as_ref(), &endpoint).await {
            Ok(intent) => intent,
            Err(end) => return end,
        };
        self.lane.shared.events.tell(DaemonEvent::Started { slot: self.order.slot.clone(), attempt });
        let Some(mut measured) = self.measure(client, &endpoint).await else {
            // The intent stays open: the next start finds it and records that this call was interrupted.
            self.release(held).await;
            return OrderOutcome::NotBegun;
        };
        let spent = self.spent(&measured.outcomes);
        let lost = self.is_lost(held.as_ref()).await;
        row_annotations::stamp(&mut measured.outcomes, self.order, &self.lane.shared.owner, lost);
        let verdict = row_annotations::verdict(&measured.outcomes);
        self.accept(&intent.id, &measured.outcomes, spent).await;
        let most = self.lane.shared.daemon_config.attempts;
        let now = self.lane.shared.clock.now();
        let next = measurement_order::next(&verdict, attempt, most, now, rand::random());
        let next = next.within(self.order.work.plan.ends(&self.order.slot));
        self.learn(&measured.attempts).await;
        let took = measured.begun.elapsed();
        self.settle(held, ending(&verdict, next, self.lane.shared.clock.now())).await;
        self.tell(measured.outcomes, &verdict, took);
        let learned = measured.attempts.iter().filter_map(|attempt| attempt.learned).collect();
        let allowance = measured.attempts.iter().rev().find_map(|attempt| attempt.allowance.clone());
        OrderOutcome::Measured {
            began_at: measured.began_at,
            verdict,
            next,
            attempt,
            spent,
            learned,
            allowance,
        }
    }

    /// Claims the slot. `None` if the store is unreachable: the slot's id still keeps its row unique.
    async fn claim(&self) -> Result<Option<HeldLease>, OrderOutcome> {
        let shared = &self.lane.shared;
        let daemon_config = &shared.daemon_config;
        let claim = SlotClaim {
            slot: self.order.slot.clone(),
            owner: shared.owner.clone(),
            ttl: daemon_config.deadline + LEASE_MARGIN,
            // The call that tests if a held lane works again is always allowed.
            max_attempts: if self.order.probe { u32::MAX >> 1 } else { daemon_config.attempts },
            deadline_seconds: u32::try_from(daemon_config.deadline.as_secs()).unwrap_or(u32::MAX),
        };
        let asked = clock::since_boot();
        let claimed = shared.store_handle.ask(move |store| async move { store.claim(&claim).await }).await;
        match claimed {
            Ok(ClaimResult::Granted(grant)) => Ok(Some(HeldLease { grant, asked })),
            Ok(ClaimResult::Taken { until, .. } | ClaimResult::Resting { until }) => {
                Err(OrderOutcome::Elsewhere(until))
            }
            // The catalog cancelled the measuring; a trial of the model needs no lease.
            Ok(ClaimResult::Cancelled) if !self.order.work.counts => Ok(None),
            Ok(ClaimResult::Finished { ended }) => Err(OrderOutcome::Finished { ended }),
            Ok(ClaimResult::Cancelled) => Err(OrderOutcome::Finished { ended: None }),
            // Another series has the same id; a retry cannot help.
            Err(StoreError::Conflict(_) | StoreError::Rejected(_)) => {
                Err(OrderOutcome::Finished { ended: None })
            }
            Err(_) => Ok(None),
        }
    }

    /// True if the outbox already holds the slot's row: from an earlier attempt, or from an earlier process that may
    /// have measured while the store was unreachable and nothing could be claimed.
    async fn has_its_row(&self, held: Option<&HeldLease>, attempt: u32) -> bool {
        let shared = &self.lane.shared;
        let is_first = held.is_some() && attempt == 1;
        if is_first && self.order.slot.starts_at > shared.began_at {
            return false;
        }
        let rows = shared.outbox.show(&self.order.slot.id()).await;
        rows.is_ok_and(|rows| !rows.is_empty())
    }

    async fn intend(
        &self,
        held: Option<&HeldLease>,
        endpoint: &Map<String, Value>,
    ) -> Result<CallIntent, OrderOutcome> {
        let shared = &self.lane.shared;
        if shared.stop.is_cancelled() {
            self.release_grant(held).await;
            return Err(OrderOutcome::NotBegun);
        }
        let mut stamps = row_annotations::fields(&self.order.slot, &shared.owner);
        stamps.insert("sample_role".to_owned(), self.order.work.question.role.clone().into());
        stamps.extend(endpoint.clone());
        let intent = CallIntent {
            id: ulid::Ulid::generate().to_string(),
            series: self.order.slot.series.clone(),
            slot_at: Some(self.order.slot.starts_at),
            at: shared.clock.now(),
            reserve: self.order.reserved.most,
            stamps,
        };
        let Err(error) = shared.outbox.intend(&intent).await else { return Ok(intent) };
        self.release_grant(held).await;
        if error.is_fatal() {
            shared.fail(error);
            return Err(OrderOutcome::NotBegun);
        }
        Err(OrderOutcome::NoRoom(error.to_string()))
    }

    /// Measures under the hard deadline; `None` if the process is told to end in the meantime.
    async fn measure(
        &self,
        client: Arc<dyn ProviderClient>,
        endpoint: &Map<String, Value>,
    ) -> Option<MeasuredAttempts> {
        let (work, learned) = (Arc::clone(&self.order.work), self.learned().await);
        let (began_at, begun) = (self.lane.shared.clock.now(), Instant::now());
        let deadline = self.lane.shared.daemon_config.deadline;
        let mut measuring =
            tokio::spawn(async move { client.measure(&work.item, &work.question, learned).await });
        let ended = tokio::select! {
            ended = timeout(deadline, &mut measuring) => ended,
            () = self.lane.shared.kill.cancelled() => {
                measuring.abort();
                return None;
            }
        };
        let without = |kind, message: &str| {
            vec![row_annotations::ended_without_row(self.order, endpoint, kind, message, began_at)]
        };
        let (outcomes, attempts) = match ended {
            Ok(Ok(attempts)) => {
                (attempts.iter().map(|attempt| attempt.outcome.clone()).collect::<Vec<_>>(), attempts)
            }
            Ok(Err(panicked)) => (without(FailureKind::Unknown, &self.panicked(panicked)), Vec::new()),
            Err(_) => {
                measuring.abort();
                self.lane.abandon_client();
                if timeout(ABORT_PATIENCE, measuring).await.is_err() {
                    let model = &self.order.slot.series.model;
                    self.restarted(format!("a measurement of {model} was given up and does not end"));
                }
                let message = format!("the measurement did not end within {} s", deadline.as_secs());
                (without(FailureKind::Timeout, &message), Vec::new())
            }
        };
        let outcomes = if outcomes.is_empty() {
            without(FailureKind::Unknown, "the measurement ended without a row")
        } else {
            outcomes
        };
        Some(MeasuredAttempts { outcomes, attempts, began_at, begun })
    }

    /// Adaptations learned from earlier refusals. They only save an attempt, so an unreachable store is not waited for.
    async fn learned(&self) -> Vec<Adaptation> {
        if let Some(learned) = &self.order.learned {
            return learned.clone();
        }
        let model = self.order.slot.series.model.clone();
        let asked = model.clone();
        let words =
            self.lane.shared.store_handle.ask(move |store| async move { store.learned(&asked).await });
        let Ok(words) = words.await else { return Vec::new() };
        let learned: Vec<Adaptation> = words.iter().filter_map(|word| word.parse().ok()).collect();
        self.lane.lane_state().learn(&model, learned.clone());
        learned
    }

    fn panicked(&self, error: JoinError) -> String {
        let message = panic_message(error);
        self.restarted(message.clone());
        format!("the measuring code broke: {message}")
    }

    /// Reports a restart. The lane continues at once, with a new provider client if the old one may hang.
    fn restarted(&self, reason: String) {
        let provider = self.lane.provider.clone();
        self.lane.shared.events.tell(DaemonEvent::Restarted { provider, reason, pause: Duration::ZERO });
    }

    fn spent(&self, outcomes: &[Outcome]) -> Spend {
        let MeasurementOrder { work, .. } = self.order;
        let each = outcomes.iter().map(|outcome| used(outcome, &work.question.profile, work.price));
        each.fold(Spend::default(), Spend::plus)
    }

    /// True if another daemon may have measured the slot since the claim, which is impossible during the lease.
    async fn is_lost(&self, held: Option<&HeldLease>) -> bool {
        let shared = &self.lane.shared;
        let Some(HeldLease { grant, asked }) = held else { return false };
        let ttl = shared.daemon_config.deadline + LEASE_MARGIN;
        if clock::since_boot().saturating_sub(*asked) < ttl - LEASE_MARGIN / 4 {
            return false;
        }
        let grant = grant.clone();
        let renewed =
            shared.store_handle.ask(move |store| async move { store.renew(&grant, ttl).await }).await;
        matches!(renewed, Ok(false))
    }

    /// Hands the rows to the outbox. They were paid for, so this retries until they are on disk. Rows that the outbox
    /// refuses in any form are reported; their intent stays, and the next start makes a row of it.
    async fn accept(&self, intent_id: &str, outcomes: &[Outcome], spent: Spend) {
        let shared = &self.lane.shared;
        let aside = |id: String, why: String| shared.events.tell(DaemonEvent::SetAside { id, why });
        loop {
            match shared.outbox.accept(intent_id, outcomes, spent).await {
                Ok(set_aside) => {
                    set_aside.into_iter().for_each(|row| aside(row.id, row.why));
                    return shared.counts.accepted(outcomes);
                }
                Err(OutboxError::Refused(why)) => return aside(self.order.slot.id(), why),
                Err(error) if error.is_fatal() => return shared.fail(error),
                Err(_) => sleep(NO_ROOM_PAUSE).await,
            }
            if shared.kill.is_cancelled() {
                return;
            }
        }
    }

    /// Failures are ignored: a lost adaptation is learned again, and the row names the adaptations in force.
    async fn learn(&self, attempts: &[AttemptResult]) {
        for lesson in attempts.iter().filter_map(|attempt| attempt.learned) {
            let model = self.order.slot.series.model.clone();
            let learned = self
                .lane
                .shared
                .store_handle
                .ask(move |store| async move { store.learn(&model, lesson.as_str()).await });
            let _ = learned.await;
        }
    }

    /// A grant that cannot be settled now expires; by then the row is in the store or the outbox.
    async fn settle(&self, held: Option<HeldLease>, ending: JobOutcome) {
        let Some(HeldLease { grant, .. }) = held else { return };
        let _ = self
            .lane
            .shared
            .store_handle
            .ask(move |store| async move { store.settle(&grant, &ending).await })
            .await;
    }

    async fn release(&self, held: Option<HeldLease>) {
        self.release_grant(held.as_ref()).await;
    }

    async fn release_grant(&self, held: Option<&HeldLease>) {
        let Some(HeldLease { grant, .. }) = held else { return };
        let grant = grant.clone();
        let _ =
            self.lane.shared.store_handle.ask(move |store| async move { store.release(&grant).await }).await;
    }

    fn tell(&self, outcomes: Vec<Outcome>, verdict: &AttemptVerdict, took: Duration) {
        let shared = &self.lane.shared;
        shared.counts.measured(verdict.kind.is_none());
        for outcome in outcomes {
            let slot = self.order.slot.clone();
            shared.events.tell(DaemonEvent::Finished { slot, outcome: Arc::new(outcome), took });
        }
    }
}

fn ending(verdict: &AttemptVerdict, next: SlotOutcome, now: DateTime<Utc>) -> JobOutcome {
    let kind = verdict.kind.map_or("suspect", FailureKind::as_str).to_owned();
    let message = verdict.message.clone();
    match next {
        SlotOutcome::Done => JobOutcome::Success,
        SlotOutcome::GivenUp => JobOutcome::GivenUp { kind, message },
        SlotOutcome::Again(at) => {
            let after = (at - now).max(TimeDelta::zero()).to_std().unwrap_or_default();
            JobOutcome::Retry { after, kind, message }
        }
    }
}

/// The message of a panic.
pub fn panic_message(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "it was cancelled".to_owned() };
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without words".to_owned())
}
