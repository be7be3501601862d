//! Makes one request of an order: records the intent, measures under a hard deadline, and hands the rows to the outbox. A
//! request is in the outbox as an intent before it is sent, and as rows after it, so a kill at any moment leaves one of the
//! two. An order of a pair makes two of them, one after the other.

use crate::daemon::budget::BudgetReservation;
use crate::daemon::event::DaemonEvent;
use crate::daemon::lane::Lane;
use crate::daemon::measurement_order::{EndedRequest, MeasurementOrder, OrderOutcome};
use crate::daemon::price::used;
use crate::daemon::provider_client::ProviderClient;
use crate::daemon::row_annotations;
use crate::domain::pair::PairHalf;
use crate::domain::{FailureKind, Outcome};
use crate::measure::measurer::{AttemptResult, RequestSpec};
use crate::outbox::{CallIntent, OutboxError, Spend};
use crate::providers::adapt::Adaptation;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinError;
use tokio::time::{sleep, timeout};

/// An aborted task that does not end within this time is stuck.
const ABORT_PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two attempts to hand rows to an outbox without room.
const NO_ROOM_PAUSE: Duration = Duration::from_secs(1);

/// One request of an order.
pub struct RequestExecution<'a> {
    lane: &'a Arc<Lane>,
    order: &'a MeasurementOrder,
    half: Option<&'a PairHalf>,
    question: Arc<RequestSpec>,
    reserved: BudgetReservation,
}

/// A request that the outbox knows of.
pub struct IntendedRequest {
    id: String,
    /// The fields that name its endpoint.
    endpoint: Map<String, Value>,
}

/// The result of the measuring task.
pub struct MeasuredAttempts {
    outcomes: Vec<Outcome>,
    attempts: Vec<AttemptResult>,
    began_at: DateTime<Utc>,
    begun: Instant,
}

/// A request whose rows are in the outbox.
pub struct AcceptedRequest {
    outcomes: Vec<Outcome>,
    took: Duration,
    pub ended: EndedRequest,
}

impl<'a> RequestExecution<'a> {
    /// The request of an order, as a half of its pair if there is one. `reserved` is the part of the budget that pays it.
    pub fn new(
        lane: &'a Arc<Lane>,
        order: &'a MeasurementOrder,
        half: Option<&'a PairHalf>,
        reserved: BudgetReservation,
    ) -> Self {
        let question = &order.work.question;
        let question = half.map_or_else(|| Arc::clone(question), |half| Arc::new(question.half(half)));
        Self { lane, order, half, question, reserved }
    }

    /// Records that the request is about to be sent.
    ///
    /// # Errors
    /// The outcome of an order that may not send it: the daemon stops, or the outbox has no room.
    pub async fn intend(&self, client: &dyn ProviderClient) -> Result<IntendedRequest, OrderOutcome> {
        let shared = &self.lane.shared;
        if shared.stop.is_cancelled() {
            return Err(OrderOutcome::NotBegun);
        }
        let endpoint = client.endpoint(&self.order.work.item, &self.question).fields();
        let mut stamps = row_annotations::fields(&self.order.slot, &shared.owner);
        stamps.insert("sample_role".to_owned(), self.question.role.clone().into());
        stamps.extend(endpoint.clone());
        stamps.extend(self.half.map(PairHalf::fields).unwrap_or_default());
        let intent = CallIntent {
            id: ulid::Ulid::generate().to_string(),
            series: self.order.slot.series.clone(),
            slot_at: Some(self.order.slot.starts_at),
            at: shared.clock.now(),
            reserve: self.reserved.most,
            stamps,
        };
        let Err(error) = shared.outbox.intend(&intent).await else {
            return Ok(IntendedRequest { id: intent.id, endpoint });
        };
        if error.is_fatal() {
            shared.fail(error);
            return Err(OrderOutcome::NotBegun);
        }
        Err(OrderOutcome::NoRoom(error.to_string()))
    }

    /// Measures under the hard deadline; `None` if the process is told to end in the meantime.
    pub async fn measure(
        &self,
        client: Arc<dyn ProviderClient>,
        intended: &IntendedRequest,
    ) -> Option<MeasuredAttempts> {
        let (work, learned) = (Arc::clone(&self.order.work), self.learned().await);
        let question = Arc::clone(&self.question);
        let (began_at, begun) = (self.lane.shared.clock.now(), Instant::now());
        let deadline = self.lane.shared.daemon_config.deadline;
        let mut measuring = tokio::spawn(async move { client.measure(&work.item, &question, learned).await });
        let ended = tokio::select! {
            ended = timeout(deadline, &mut measuring) => ended,
            () = self.lane.shared.kill.cancelled() => {
                measuring.abort();
                return None;
            }
        };
        let without = |kind, message: &str| {
            let (role, endpoint) = (&self.question.role, &intended.endpoint);
            vec![row_annotations::ended_without_row(self.order, role, endpoint, kind, message, began_at)]
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
        let model = self.order.slot.series.model.clone();
        let known = self.lane.lane_state().learned(&model);
        if let Some(known) = known {
            return known;
        }
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

    /// Hands the rows of an ended measurement to the outbox, in place of the intent. `lost` says that another daemon may
    /// have measured the slot.
    pub async fn accept(
        &self,
        intended: &IntendedRequest,
        measured: MeasuredAttempts,
        lost: bool,
    ) -> AcceptedRequest {
        let MeasuredAttempts { mut outcomes, attempts, began_at, begun } = measured;
        let spent = self.spent(&outcomes);
        row_annotations::stamp(&mut outcomes, self.order, self.half, &self.lane.shared.owner, lost);
        let verdict = row_annotations::verdict(&outcomes);
        self.hand_over(&intended.id, &outcomes, spent).await;
        let learned = attempts.iter().filter_map(|attempt| attempt.learned).collect();
        let allowance = attempts.iter().rev().find_map(|attempt| attempt.allowance.clone());
        let ended = EndedRequest { began_at, verdict, spent, learned, allowance };
        AcceptedRequest { outcomes, took: begun.elapsed(), ended }
    }

    fn spent(&self, outcomes: &[Outcome]) -> Spend {
        let MeasurementOrder { work, .. } = self.order;
        let each = outcomes.iter().map(|outcome| used(outcome, &self.question.profile, work.price));
        each.fold(Spend::default(), Spend::plus)
    }

    /// The rows were paid for, so this retries until they are on disk. Rows that the outbox refuses in any form are
    /// reported; their intent stays, and the next start makes a row of it.
    async fn hand_over(&self, intent_id: &str, outcomes: &[Outcome], spent: Spend) {
        let shared = &self.lane.shared;
        let aside = |id: String, why: String| shared.events.tell(DaemonEvent::SetAside { id, why });
        loop {
            match shared.outbox.accept(intent_id, outcomes, spent).await {
                Ok(set_aside) => {
                    set_aside.into_iter().for_each(|row| aside(row.id, row.why));
                    return shared.counts.accepted(outcomes);
                }
                Err(OutboxError::Refused(why)) => {
                    let refused = outcomes.iter().map(|outcome| outcome.id().to_owned());
                    return refused.for_each(|id| aside(id, why.clone()));
                }
                Err(error) if error.is_fatal() => return shared.fail(error),
                Err(_) => sleep(NO_ROOM_PAUSE).await,
            }
            if shared.kill.is_cancelled() {
                return;
            }
        }
    }

    /// Keeps what refusals taught: in the lane, where the other half of a pair finds it, and in the store. Failures are
    /// ignored: a lost adaptation is learned again, and the row names the adaptations in force.
    pub async fn learn(&self, AcceptedRequest { ended, .. }: &AcceptedRequest) {
        let model = &self.order.slot.series.model;
        if !ended.learned.is_empty() {
            self.lane.lane_state().learn(model, ended.learned.iter().copied());
        }
        for lesson in ended.learned.iter().copied() {
            let model = model.clone();
            let learned = self
                .lane
                .shared
                .store_handle
                .ask(move |store| async move { store.learn(&model, lesson.as_str()).await });
            let _ = learned.await;
        }
    }

    /// Reports the rows.
    pub fn tell(&self, accepted: &AcceptedRequest) {
        for outcome in &accepted.outcomes {
            let (slot, outcome) = (self.order.slot.clone(), Arc::new(outcome.clone()));
            self.lane.shared.events.tell(DaemonEvent::Finished { slot, outcome, took: accepted.took });
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
