//! The sender's calls to the store. Each is a task of its own with a deadline, because a call that is dropped half-way
//! may leave its client in an invalid state. `sender` handles the rows after an answer.

use super::types::QueuedRow;
use crate::domain::slot::SUPERSEDED;
use crate::storage::aggregates::PendingAggregates;
use crate::storage::outcomes::payload::{OutcomeKind, OutcomePayload};
use crate::storage::{OutcomeSink, RecordOutcome, StoreError};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Maximum number of concurrent calls with one row each.
pub const CONCURRENT: usize = 16;

/// Time limit of a call. Stores have shorter limits of their own; this one covers a store that ignores them.
const DEADLINE: Duration = Duration::from_secs(30);

/// Maximum number of running calls whose result nobody awaits.
const ABANDONED: usize = 64;

type DeliveryResult = Result<RecordOutcome, StoreError>;

/// A row and the result of sending it.
pub type SentRow = (QueuedRow, DeliveryResult);

/// Access to a store; clones share it.
#[derive(Clone)]
pub struct StoreCalls {
    sink: Arc<dyn OutcomeSink>,
    permits: Arc<Semaphore>,
}

impl StoreCalls {
    pub fn new(sink: Arc<dyn OutcomeSink>) -> Self {
        Self { sink, permits: Arc::new(Semaphore::new(CONCURRENT + ABANDONED)) }
    }

    /// Pause that the store asks for.
    pub fn rest(&self) -> Option<Duration> {
        self.sink.rest()
    }

    /// Stores rows in one call. Their aggregates must then be updated with [`StoreCalls::derive`].
    pub async fn keep_all(
        &self,
        queued_rows: Arc<Vec<QueuedRow>>,
    ) -> Result<(Vec<DeliveryResult>, PendingAggregates), StoreError> {
        self.answered(|sink| async move { keep_all(&sink, &queued_rows).await }).await
    }

    /// Updates the aggregates of stored rows.
    pub async fn derive(&self, aggregates: PendingAggregates) -> Result<(), StoreError> {
        if aggregates.is_empty() {
            return Ok(());
        }
        self.answered(|sink| async move { sink.derive(&aggregates).await }).await?
    }

    /// Sends rows in calls of their own, several at a time, until the first error of the store;
    /// the rest remains unchanged.
    pub async fn one_by_one(&self, queued_rows: Vec<QueuedRow>) -> Vec<SentRow> {
        let mut waiting = queued_rows.into_iter();
        let mut under_way = JoinSet::new();
        let mut sent = Vec::new();
        let mut goes_on = true;
        loop {
            while goes_on && under_way.len() < CONCURRENT {
                let Some(queued) = waiting.next() else { break };
                let calls = self.clone();
                under_way.spawn(async move { calls.one(queued).await });
            }
            match under_way.join_next().await {
                None => return sent,
                // The task only waits for a call.
                Some(Err(_)) => {}
                Some(Ok(one)) => {
                    goes_on &= one.1.as_ref().err().is_none_or(StoreError::is_about_the_row);
                    sent.push(one);
                }
            }
        }
    }

    async fn one(&self, queued: QueuedRow) -> SentRow {
        let queued_rows = Arc::new(vec![queued]);
        let of_call = Arc::clone(&queued_rows);
        let call = |sink: Arc<dyn OutcomeSink>| async move {
            let (mut answers, aggregates) = keep_all(&sink, &of_call).await;
            let silence = || Err(StoreError::Broken("the store gave no answer about a row".to_owned()));
            let recorded = answers.pop().unwrap_or_else(silence)?;
            sink.derive(&aggregates).await.map(|()| recorded)
        };
        let answer = self.answered(call).await.and_then(|answer| answer);
        // An abandoned call still holds the other reference.
        let queued =
            Arc::try_unwrap(queued_rows).map_or_else(|shared| shared[0].clone(), |mut own| own.remove(0));
        (queued, answer)
    }

    async fn answered<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        call: impl FnOnce(Arc<dyn OutcomeSink>) -> F,
    ) -> Result<T, StoreError> {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            let why = format!("{ABANDONED} calls to the store are still unanswered");
            return Err(StoreError::Unavailable(why));
        };
        let call = call(Arc::clone(&self.sink));
        let call = tokio::spawn(async move {
            let _permit = permit;
            call.await
        });
        match timeout(DEADLINE, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(StoreError::Broken("the call to the store ended without an answer".to_owned())),
            Err(_) => Err(StoreError::Unavailable(format!(
                "the store did not answer within {} s: the row may or may not be there",
                DEADLINE.as_secs()
            ))),
        }
    }
}

/// Stores rows; one whose slot already has another row is stored beside it.
async fn keep_all(
    sink: &Arc<dyn OutcomeSink>,
    queued_rows: &[QueuedRow],
) -> (Vec<DeliveryResult>, PendingAggregates) {
    let payloads: Vec<&OutcomePayload> = queued_rows.iter().map(|queued| &queued.payload).collect();
    let (mut answers, mut aggregates) = sink.keep_all(&payloads).await;
    let taken = |answer: &DeliveryResult| matches!(answer, Err(StoreError::Conflict(_)));
    let (places, beside): (Vec<_>, Vec<_>) = (answers.iter().zip(payloads).enumerate())
        .filter(|(_, (answer, _))| taken(answer))
        .filter_map(|(place, (_, payload))| Some((place, superseded(payload)?)))
        .unzip();
    if !beside.is_empty() {
        let (kept, also_aggregates) = sink.keep_all(&beside.iter().collect::<Vec<_>>()).await;
        aggregates.merge(also_aggregates);
        for (place, answer) in places.into_iter().zip(kept) {
            answers[place] = answer;
        }
    }
    (answers, aggregates)
}

/// A success whose slot has another row, because two daemons measured it without the store. The first row counts; this
/// one is stored beside it, because it was paid for, under a derived id, so sending it twice has no effect.
fn superseded(payload: &OutcomePayload) -> Option<OutcomePayload> {
    let mut fields = payload.fields().ok()?;
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let (id, slot_at, owner) = (text("_id")?, text("slot_at")?, text("daemon_owner")?);
    if payload.kind != OutcomeKind::Run || !id.ends_with(&format!("/{slot_at}")) {
        return None;
    }
    let id = format!("{id}#{owner}");
    fields.insert("_id".to_owned(), id.into());
    fields.insert("sample_role".to_owned(), SUPERSEDED.into());
    Some(OutcomePayload { kind: payload.kind, json: Value::Object(fields).to_string() })
}
