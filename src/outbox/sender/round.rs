//! One round of the sender: sends consecutive batches to the store, updates aggregates once for all of them, then
//! confirms, postpones or sets aside each row.

use super::{BATCH, DeliveryEvent, OutboxSender};
use crate::outbox::Outbox;
use crate::outbox::store_calls::{CONCURRENT, StoreCalls};
use crate::outbox::types::{OutboxError, OutboxKey, QueuedRow};
use crate::storage::aggregates::PendingAggregates;
use crate::storage::{RecordOutcome, StoreError};
use chrono::{TimeDelta, Utc};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Minimum number of rows that are read at once, for a store that is slow or unreachable.
const FEWEST: u32 = 16;

/// Maximum bytes that are read at once. Two batches are in memory: one is read while the store writes the other.
const BATCH_BYTES: u64 = 2 * 1024 * 1024;

/// Approximate number of rows in a round. Updating aggregates costs little more for many rows than for few, so it is
/// done once for all of them.
const ROUND: usize = 50_000;

/// Time during which a round takes new batches; its rows are confirmed afterwards.
const ROUND_TIME: Duration = Duration::from_secs(5);

/// Number of store errors in a batch that are recorded: two distinguish them from one row's fault.
const ENOUGH: usize = 2;

/// The longest wait between two attempts, in seconds.
const LONGEST_WAIT: f64 = 300.0;

/// The longest pause after a refused login: an operator fixes it and then checks if it works.
const DENIED_REST: Duration = Duration::from_secs(15);

/// The result of a round.
#[derive(Debug, Default)]
pub struct SendRound {
    /// Number of rows that were sent.
    pub taken: usize,
    /// Confirmed rows; in a long backlog those of the previous round.
    pub delivered: u64,
    /// Rows that were set aside.
    pub quarantined: u64,
    /// Pause that the store needs.
    pub wait: Option<Duration>,
}

/// Rows that the store has taken, and their aggregates to update.
#[derive(Debug, Default)]
struct AcceptedRows {
    keys: Vec<OutboxKey>,
    /// Number of rows by provider.
    of: BTreeMap<String, u64>,
    aggregates: PendingAggregates,
}

/// Confirmed rows by provider, or the error of updating their aggregates.
pub type RoundResult = Result<Result<BTreeMap<String, u64>, StoreError>, OutboxError>;

/// A row, and the error of sending it.
type FailedRow = (QueuedRow, StoreError);

/// The reason for the end of a round's sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RoundEnd {
    /// Nothing more is due.
    Drained,
    /// The round has reached its limit.
    Enough,
    /// The store answered with errors.
    Against,
    /// The store did not answer at all.
    Silent,
}

impl OutboxSender {
    /// Reads due rows, sends them, and records the results. In a long backlog the rows of one round are
    /// confirmed during the next.
    pub(super) async fn round(&mut self) -> Result<SendRound, OutboxError> {
        let (mut round, mut kept, mut failed) = (SendRound::default(), AcceptedRows::default(), Vec::new());
        let ended = self.send(&mut round, &mut kept, &mut failed).await?;
        let is_derived = self.confirm(kept, ended == RoundEnd::Enough, &mut round).await?;
        if ended != RoundEnd::Enough || !is_derived {
            self.behind = None;
        }
        if ended == RoundEnd::Silent || !is_derived {
            failed.extend(self.try_some(&mut round).await?);
        }
        self.put_off(failed, &mut round).await?;
        Ok(round)
    }

    /// Sends consecutive batches. While the store writes one, the next is read.
    async fn send(
        &mut self,
        round: &mut SendRound,
        kept: &mut AcceptedRows,
        failed: &mut Vec<FailedRow>,
    ) -> Result<RoundEnd, OutboxError> {
        let begun = Instant::now();
        let mut batch = self.read().await?;
        while let Some(last) = batch.last() {
            self.behind = Some(last.turn);
            round.taken += batch.len();
            let is_enough = kept.keys.len() + batch.len() >= ROUND || begun.elapsed() >= ROUND_TIME;
            let sent = Arc::new(batch);
            let reading = async { if is_enough { Ok(Vec::new()) } else { self.read().await } };
            let (answers, read) = tokio::join!(self.calls.keep_all(Arc::clone(&sent)), reading);
            batch = read?;
            let Ok((answers, aggregates)) = answers else {
                self.adapt(false);
                return Ok(RoundEnd::Silent);
            };
            let works = |answer: &Result<RecordOutcome, StoreError>| {
                answer.as_ref().err().is_none_or(StoreError::is_about_the_row)
            };
            self.adapt(answers.iter().any(works));
            kept.aggregates.merge(aggregates);
            let refused = kept.take(own(sent).into_iter().zip(answers));
            failed.extend(self.set_aside(told(refused), round).await?);
            if !failed.is_empty() {
                return Ok(RoundEnd::Against);
            }
            if is_enough {
                return Ok(RoundEnd::Enough);
            }
        }
        Ok(RoundEnd::Drained)
    }

    async fn read(&self) -> Result<Vec<QueuedRow>, OutboxError> {
        self.outbox.due_behind(self.behind, Utc::now(), self.batch, BATCH_BYTES).await
    }

    /// If the store took no row of a batch, the next one is smaller, so that a slow store makes progress.
    fn adapt(&mut self, took: bool) {
        self.batch = if took { (self.batch * 2).min(BATCH) } else { (self.batch / 2).max(FEWEST) };
    }

    /// Sends a few rows one by one after a batch without an answer, so that one bad row delays no other.
    async fn try_some(&mut self, round: &mut SendRound) -> Result<Vec<FailedRow>, OutboxError> {
        let queued_rows = self.outbox.due(Utc::now(), CONCURRENT as u32, BATCH_BYTES).await?;
        let mut kept = AcceptedRows::default();
        let refused = kept.take(self.calls.one_by_one(queued_rows).await);
        self.confirm(kept, false, round).await?;
        self.set_aside(refused, round).await
    }

    /// Sets rows aside that the store will never take, and returns the others.
    async fn set_aside(
        &self,
        refused: Vec<FailedRow>,
        round: &mut SendRound,
    ) -> Result<Vec<FailedRow>, OutboxError> {
        let (at_fault, failed): (Vec<_>, Vec<_>) =
            refused.into_iter().partition(|(_, error)| error.is_about_the_row());
        for (queued, error) in at_fault {
            let (id, why) = (queued.id.clone(), error.to_string());
            self.outbox.quarantine(queued.key, &why).await?;
            (self.news)(DeliveryEvent::SetAside { id, why });
            round.quarantined += 1;
        }
        Ok(failed)
    }

    /// Confirms rows, after those of the previous round; with `later`, possibly during the next one. Returns true if
    /// all aggregates could be updated.
    async fn confirm(
        &mut self,
        kept: AcceptedRows,
        later: bool,
        round: &mut SendRound,
    ) -> Result<bool, OutboxError> {
        let before = self.finished(round).await?;
        if kept.keys.is_empty() {
            return Ok(before);
        }
        self.finishing = Some(tokio::spawn(finish(self.outbox.clone(), self.calls.clone(), kept)));
        if later && before {
            return Ok(true);
        }
        Ok(self.finished(round).await? && before)
    }

    /// Waits until the rows of the previous round are confirmed, and reports them. Returns true if they are.
    pub(super) async fn finished(&mut self, round: &mut SendRound) -> Result<bool, OutboxError> {
        let Some(task) = &mut self.finishing else { return Ok(true) };
        let finished = task.await;
        self.finishing = None;
        // A task that panicked has confirmed nothing, or only rows that the store has.
        let Ok(Ok(stored)) = finished.unwrap_or_else(|_| Ok(Err(StoreError::Broken(String::new())))) else {
            return Ok(false);
        };
        let now = Utc::now();
        self.sender_report.send_modify(|sender_report| {
            sender_report.store.stored_at = Some(now);
            sender_report.stored_at.extend(stored.keys().map(|provider| (provider.clone(), now)));
        });
        for (provider, rows) in stored {
            round.delivered += rows;
            (self.news)(DeliveryEvent::Stored { provider, rows });
        }
        Ok(true)
    }

    /// Postpones failed rows, and decides on a pause of the store.
    async fn put_off(&mut self, failed: Vec<FailedRow>, round: &mut SendRound) -> Result<(), OutboxError> {
        let now = Utc::now();
        let mut store = self.sender_report.borrow().store.clone();
        let took = round.delivered + round.quarantined > 0;
        if took {
            (self.vain, store.error, store.answered_at) = (0, None, Some(now));
            store.refuses = false;
            self.failed.clear();
        }
        let mut denied = false;
        for (queued, error) in &failed {
            denied |= matches!(error, StoreError::Denied(_));
            if !matches!(error, StoreError::Unavailable(_)) {
                store.answered_at = Some(now);
            }
            store.error = Some(error.to_string());
            store.refuses = matches!(error, StoreError::Denied(_));
            self.failed.insert(queued.key);
            let next_at = now + delta(backoff(queued.attempts));
            self.outbox.postpone(&[queued.key], next_at, &error.to_string()).await?;
        }
        let rest = self.calls.rest().filter(|_| !failed.is_empty());
        if denied || rest.is_some() || self.failed.len() > 1 && !took {
            let wait = backoff(self.vain);
            let wait = if denied { wait.min(DENIED_REST) } else { wait };
            round.wait = Some(wait.max(rest.unwrap_or_default()));
            self.vain = self.vain.saturating_add(1);
        }
        let resumes_at = round.wait.map(|wait| now + delta(wait));
        self.sender_report.send_modify(|sender_report| {
            (sender_report.store, sender_report.resumes_at) = (store, resumes_at)
        });
        Ok(())
    }
}

/// Updates aggregates, and only then confirms the rows.
async fn finish(outbox: Outbox, calls: StoreCalls, kept: AcceptedRows) -> RoundResult {
    if let Err(error) = calls.derive(kept.aggregates).await {
        return Ok(Err(error));
    }
    // The writes of one transaction must fit into the ballast of a full disk.
    for keys in kept.keys.chunks(BATCH as usize) {
        outbox.confirm(keys).await?;
    }
    Ok(Ok(kept.of))
}

impl AcceptedRows {
    /// Adds the rows that the store has taken, and returns the others.
    fn take(
        &mut self,
        sent: impl IntoIterator<Item = (QueuedRow, Result<RecordOutcome, StoreError>)>,
    ) -> Vec<FailedRow> {
        let mut refused = Vec::new();
        for (queued, answer) in sent {
            match answer {
                Err(error) => refused.push((queued, error)),
                Ok(_) => {
                    self.keys.push(queued.key);
                    match self.of.get_mut(&queued.provider) {
                        Some(rows) => *rows += 1,
                        None => drop(self.of.insert(queued.provider, 1)),
                    }
                }
            }
        }
        refused
    }
}

/// The queued rows of a call that has ended. An abandoned call may still hold them.
fn own(queued_rows: Arc<Vec<QueuedRow>>) -> Vec<QueuedRow> {
    Arc::try_unwrap(queued_rows).unwrap_or_else(|shared| shared.to_vec())
}

/// The answers that are recorded: only a few of the store's errors; the rows of the others remain unchanged.
fn told(refused: Vec<FailedRow>) -> Vec<FailedRow> {
    let mut against = 0;
    let is_told = |(_, error): &FailedRow| {
        against += usize::from(!error.is_about_the_row());
        error.is_about_the_row() || against <= ENOUGH
    };
    refused.into_iter().filter(is_told).collect()
}

/// Full jitter: a random wait from one second to a limit that doubles with each attempt, up to five minutes.
fn backoff(attempts: u32) -> Duration {
    let limit = 2_f64.powi(attempts.saturating_add(1).min(16) as i32).min(LONGEST_WAIT);
    Duration::from_secs_f64(rand::random_range(1.0..=limit))
}

fn delta(wait: Duration) -> TimeDelta {
    TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_five_minutes_and_never_fall_below_a_second() {
        for attempts in [0, 1, 5, 8, 100, u32::MAX] {
            for _ in 0..200 {
                let wait = backoff(attempts).as_secs_f64();
                assert!((1.0..=300.0).contains(&wait), "{wait} after {attempts}");
            }
        }
        assert!((0..200).all(|_| backoff(0).as_secs_f64() <= 2.0));
        assert!((0..200).any(|_| backoff(20).as_secs_f64() > 60.0));
    }
}
