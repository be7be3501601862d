//! Carries out one order: claims the slot, makes its request and, for a pair, the counterpart before or after it, settles
//! the claim and reports the outcome. Each runs as its own task that is never aborted; only the measuring task inside a
//! request is.

use crate::daemon::clock;
use crate::daemon::event::DaemonEvent;
use crate::daemon::lane::Lane;
use crate::daemon::measurement_order::{
    self, AttemptVerdict, EndedRequest, MeasurementOrder, OrderOutcome, SlotOutcome,
};
use crate::daemon::provider_client::ProviderClient;
use crate::daemon::request_execution::RequestExecution;
use crate::domain::FailureKind;
use crate::domain::clock_skew::BEARABLE;
use crate::domain::pair::PairHalf;
use crate::storage::StoreError;
use crate::storage::claims::{AttemptEnd, ClaimResult, Grant, JobOutcome, SlotClaim};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use std::time::Duration;

/// A lease outlasts the hard deadline by this: claim, intent, outbox, process pauses, clock differences.
const LEASE_MARGIN: Duration = Duration::from_secs(BEARABLE.num_seconds().unsigned_abs());

/// A granted claim, and the time since boot at its request; unlike monotonic time, that also advances in suspend.
struct HeldLease {
    grant: Grant,
    asked: Duration,
}

/// Carries out one order and records its outcome in the lane.
pub async fn carry_out(lane: Arc<Lane>, client: Arc<dyn ProviderClient>, order: MeasurementOrder) {
    let mut counterpart = None;
    let end = OrderExecution { lane: &lane, order: &order }.run(client, &mut counterpart).await;
    let own = match &end {
        OrderOutcome::Measured { ended, .. } => Some(&ended.verdict),
        _ => None,
    };
    // A machine that is too busy spoils requests of either kind.
    let verdicts = own.into_iter().chain(counterpart.iter().map(|end: &EndedRequest| &end.verdict));
    for _ in verdicts.filter(|verdict| verdict.suspect) {
        lane.shared.governor().suspect(lane.shared.clock.now());
    }
    let now = lane.shared.clock.now();
    {
        let mut lane_state = lane.lane_state();
        lane_state.ended(&order, end, now);
        lane_state.counterpart_ended(&order, counterpart, now);
    }
    lane.nudge();
}

struct OrderExecution<'a> {
    lane: &'a Arc<Lane>,
    order: &'a MeasurementOrder,
}

impl OrderExecution<'_> {
    /// `counterpart` is where the end of a pair's other half goes.
    async fn run(
        &self,
        client: Arc<dyn ProviderClient>,
        counterpart: &mut Option<EndedRequest>,
    ) -> OrderOutcome {
        let held = match self.claim().await {
            Ok(held) => held,
            Err(end) => return end,
        };
        let attempt = held.as_ref().map_or(self.order.attempt, |held| held.grant.attempt);
        if self.has_its_row(held.as_ref(), attempt).await {
            self.settle(held, JobOutcome::Success).await;
            return OrderOutcome::Finished { ended: Some(AttemptEnd::Success) };
        }
        // Another daemon may have made the first attempt, of which the lane does not know.
        let pair = self.order.pair.as_ref().filter(|_| attempt == 1 && self.counterparts_arrive());
        match pair.map(|pair| pair.plan.halves()) {
            None => self.own(client, held, attempt, None).await,
            Some([own, other]) if other.is_counterpart() => {
                let end = self.own(Arc::clone(&client), held, attempt, Some(&own)).await;
                // The slot is settled: what becomes of the counterpart cannot touch it.
                if self.bears_a_counterpart(&end) {
                    *counterpart = self.counterpart(client, attempt, &other).await;
                }
                end
            }
            Some([other, own]) => {
                *counterpart = self.counterpart(Arc::clone(&client), attempt, &other).await;
                // A counterpart that had to be given up may have left its client hanging.
                let client = self.lane.client(false).await.unwrap_or(client);
                // Whatever the counterpart was told, a request pause included: without a pair the slot's request would
                // have been sent, so its own answer becomes the slot's row.
                self.own(client, held, attempt, Some(&own)).await
            }
        }
    }

    /// False where the rows of counterparts are held back from an older bridge.
    fn counterparts_arrive(&self) -> bool {
        let bridge = self.lane.shared.store_handle.bridge();
        bridge.is_none_or(|bridge| !bridge.is_older_than_batches())
    }

    /// True if a counterpart may follow the slot's own request: that was sound, so there is something to compare, and
    /// neither it nor another measurement in the meantime holds the lane or slows it down.
    fn bears_a_counterpart(&self, own: &OrderOutcome) -> bool {
        let OrderOutcome::Measured { ended, .. } = own else { return false };
        let now = self.lane.shared.clock.now();
        ended.verdict.is_sound() && self.lane.lane_state().goes_freely(ended.allowance.as_ref(), now)
    }

    /// Makes the slot's own request and settles the slot.
    async fn own(
        &self,
        client: Arc<dyn ProviderClient>,
        held: Option<HeldLease>,
        attempt: u32,
        half: Option<&PairHalf>,
    ) -> OrderOutcome {
        let request = RequestExecution::new(self.lane, self.order, half, self.order.reserved);
        let intended = match request.intend(&*client).await {
            Ok(intended) => intended,
            Err(end) => {
                self.release(held).await;
                return end;
            }
        };
        self.started(attempt);
        let Some(measured) = request.measure(client, &intended).await else {
            // The intent stays open: the next start finds it and records that this call was interrupted.
            self.release(held).await;
            return OrderOutcome::NotBegun;
        };
        let lost = self.is_lost(held.as_ref()).await;
        let accepted = request.accept(&intended, measured, lost).await;
        let verdict = &accepted.ended.verdict;
        let most = self.lane.shared.daemon_config.attempts;
        let now = self.lane.shared.clock.now();
        let next = measurement_order::next(verdict, attempt, most, now, rand::random());
        let next = next.within(self.order.work.plan.ends(&self.order.slot));
        request.learn(&accepted).await;
        self.settle(held, ending(verdict, next, self.lane.shared.clock.now())).await;
        self.lane.shared.counts.measured(verdict.kind.is_none());
        request.tell(&accepted);
        OrderOutcome::Measured { ended: accepted.ended, next, attempt }
    }

    /// Makes the counterpart of a pair; `None` if it was not begun or did not end. It needs no claim of its own: nothing
    /// of the slot follows from it.
    async fn counterpart(
        &self,
        client: Arc<dyn ProviderClient>,
        attempt: u32,
        half: &PairHalf,
    ) -> Option<EndedRequest> {
        let reserved = self.order.pair.as_ref()?.reserved;
        let request = RequestExecution::new(self.lane, self.order, Some(half), reserved);
        let intended = request.intend(&*client).await.ok()?;
        self.started(attempt);
        let measured = request.measure(client, &intended).await?;
        let accepted = request.accept(&intended, measured, false).await;
        request.learn(&accepted).await;
        request.tell(&accepted);
        Some(accepted.ended)
    }

    fn started(&self, attempt: u32) {
        self.lane.shared.events.tell(DaemonEvent::Started { slot: self.order.slot.clone(), attempt });
    }

    /// The longest time that the order's measurements may take, one after the other.
    fn deadline(&self) -> Duration {
        self.lane.shared.daemon_config.deadline * self.order.measurements()
    }

    /// Claims the slot. `None` if the store is unreachable: the slot's id still keeps its row unique.
    async fn claim(&self) -> Result<Option<HeldLease>, OrderOutcome> {
        let shared = &self.lane.shared;
        let claim = SlotClaim {
            slot: self.order.slot.clone(),
            owner: shared.owner.clone(),
            ttl: self.deadline() + LEASE_MARGIN,
            // The call that tests if a held lane works again is always allowed.
            max_attempts: if self.order.probe { u32::MAX >> 1 } else { shared.daemon_config.attempts },
            deadline_seconds: u32::try_from(self.deadline().as_secs()).unwrap_or(u32::MAX),
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

    /// True if another daemon may have measured the slot since the claim, which is impossible during the lease.
    async fn is_lost(&self, held: Option<&HeldLease>) -> bool {
        let shared = &self.lane.shared;
        let Some(HeldLease { grant, asked }) = held else { return false };
        let ttl = self.deadline() + LEASE_MARGIN;
        if clock::since_boot().saturating_sub(*asked) < ttl - LEASE_MARGIN / 4 {
            return false;
        }
        let grant = grant.clone();
        let renewed =
            shared.store_handle.ask(move |store| async move { store.renew(&grant, ttl).await }).await;
        matches!(renewed, Ok(false))
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
        let Some(HeldLease { grant, .. }) = held else { return };
        let _ =
            self.lane.shared.store_handle.ask(move |store| async move { store.release(&grant).await }).await;
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
