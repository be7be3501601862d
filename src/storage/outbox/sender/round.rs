//! One round of the sender: batches behind each other to the store, what follows from all of them derived once, then each
//! row confirmed, put off or set aside.

use super::{BATCH, News, Sender};
use crate::storage::moved::Moved;
use crate::storage::outbox::Outbox;
use crate::storage::outbox::calls::{CONCURRENT, Calls};
use crate::storage::outbox::words::{Key, OutboxError, Parcel};
use crate::storage::{Recorded, StoreError};
use chrono::{TimeDelta, Utc};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The fewest rows that are taken at once, from a store that is slow or away.
const FEWEST: u32 = 16;

/// Bytes that are taken at once. Two batches are in memory: one is read while the store keeps another.
const BATCH_BYTES: u64 = 2 * 1024 * 1024;

/// Rows of one round, about. What is derived from rows costs little more for many than for few, so it is done once for all
/// of these.
const ROUND: usize = 20_000;

/// How long a round takes new batches: its rows are confirmed after its end.
const ROUND_TIME: Duration = Duration::from_secs(2);

/// Answers of a batch against the store that are written down: two tell it from one row's fault.
const ENOUGH: usize = 2;

/// The longest wait between two attempts, seconds.
const LONGEST_WAIT: f64 = 300.0;

/// The longest rest after a login was refused: it is mended at a moment, by people who then look whether it works.
const DENIED_REST: Duration = Duration::from_secs(15);

/// What a round came to.
#[derive(Debug, Default)]
pub struct Round {
    /// Rows that were sent.
    pub taken: usize,
    /// Rows that are confirmed; in a long backlog those of the round before.
    pub delivered: u64,
    /// Rows that are set aside.
    pub quarantined: u64,
    /// The store should be left alone for so long.
    pub wait: Option<Duration>,
}

/// Rows that the store keeps, and what is owed for them.
#[derive(Debug, Default)]
struct Kept {
    keys: Vec<Key>,
    /// How many of each provider.
    of: BTreeMap<String, u64>,
    moved: Moved,
}

/// Rows that are confirmed, by provider; or why what follows from them could not be derived.
pub type Finished = Result<Result<BTreeMap<String, u64>, StoreError>, OutboxError>;

/// A row and what is said against it.
type Refused = (Parcel, StoreError);

/// How the sending of a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Nothing more is due.
    Drained,
    /// The round is long enough.
    Enough,
    /// Answers spoke against the store.
    Against,
    /// The store gave no answer at all.
    Silent,
}

impl Sender {
    /// Takes what is due, sends it, and writes down what became of it. In a long backlog the rows of one round are confirmed
    /// during the next.
    pub(super) async fn round(&mut self) -> Result<Round, OutboxError> {
        let (mut round, mut kept, mut failed) = (Round::default(), Kept::default(), Vec::new());
        let ended = self.send(&mut round, &mut kept, &mut failed).await?;
        let is_derived = self.confirm(kept, ended == Ended::Enough, &mut round).await?;
        if ended != Ended::Enough || !is_derived {
            self.behind = None;
        }
        if ended == Ended::Silent || !is_derived {
            failed.extend(self.try_some(&mut round).await?);
        }
        self.put_off(failed, &mut round).await?;
        Ok(round)
    }

    /// Sends batch behind batch. While the store keeps one, the next is read.
    async fn send(
        &mut self,
        round: &mut Round,
        kept: &mut Kept,
        failed: &mut Vec<Refused>,
    ) -> Result<Ended, OutboxError> {
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
            let Ok((answers, moved)) = answers else {
                self.adapt(false);
                return Ok(Ended::Silent);
            };
            let works = |answer: &Result<Recorded, StoreError>| {
                answer.as_ref().err().is_none_or(StoreError::is_about_the_row)
            };
            self.adapt(answers.iter().any(works));
            kept.moved.merge(moved);
            let refused = kept.take(own(sent).into_iter().zip(answers));
            failed.extend(self.set_aside(told(refused), round).await?);
            if !failed.is_empty() {
                return Ok(Ended::Against);
            }
            if is_enough {
                return Ok(Ended::Enough);
            }
        }
        Ok(Ended::Drained)
    }

    async fn read(&self) -> Result<Vec<Parcel>, OutboxError> {
        self.outbox.due_behind(self.behind, Utc::now(), self.batch, BATCH_BYTES).await
    }

    /// Where the store takes none of a batch, fewer go the next time, so that a slow one gets somewhere.
    fn adapt(&mut self, took: bool) {
        self.batch = if took { (self.batch * 2).min(BATCH) } else { (self.batch / 2).max(FEWEST) };
    }

    /// Where the store does not answer for many, some go one by one, so that a row on which it chokes holds up nobody.
    async fn try_some(&mut self, round: &mut Round) -> Result<Vec<Refused>, OutboxError> {
        let parcels = self.outbox.due(Utc::now(), CONCURRENT as u32, BATCH_BYTES).await?;
        let mut kept = Kept::default();
        let refused = kept.take(self.calls.one_by_one(parcels).await);
        self.confirm(kept, false, round).await?;
        self.set_aside(refused, round).await
    }

    /// Sets rows aside that the store will never take; the others are given back.
    async fn set_aside(&self, refused: Vec<Refused>, round: &mut Round) -> Result<Vec<Refused>, OutboxError> {
        let (at_fault, failed): (Vec<_>, Vec<_>) =
            refused.into_iter().partition(|(_, error)| error.is_about_the_row());
        for (parcel, error) in at_fault {
            let (id, why) = (parcel.payload.id().to_owned(), error.to_string());
            self.outbox.quarantine(parcel.key, &why).await?;
            (self.news)(News::SetAside { id, why });
            round.quarantined += 1;
        }
        Ok(failed)
    }

    /// Has rows confirmed, after those of the round before; where it may be `later`, during the next round. Says whether
    /// what follows from rows could be derived.
    async fn confirm(&mut self, kept: Kept, later: bool, round: &mut Round) -> Result<bool, OutboxError> {
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

    /// Waits until the rows of the round before are confirmed, and tells of it. Says whether they are.
    pub(super) async fn finished(&mut self, round: &mut Round) -> Result<bool, OutboxError> {
        let Some(task) = &mut self.finishing else { return Ok(true) };
        let finished = task.await;
        self.finishing = None;
        // A task that broke has confirmed nothing, or what the store has.
        let Ok(Ok(stored)) = finished.unwrap_or_else(|_| Ok(Err(StoreError::Broken(String::new())))) else {
            return Ok(false);
        };
        let now = Utc::now();
        self.pulse.send_modify(|pulse| {
            pulse.store.stored_at = Some(now);
            pulse.stored_at.extend(stored.keys().map(|provider| (provider.clone(), now)));
        });
        for (provider, rows) in stored {
            round.delivered += rows;
            (self.news)(News::Stored { provider, rows });
        }
        Ok(true)
    }

    /// Puts off rows that were tried in vain, and says how long the store is left alone.
    async fn put_off(&mut self, failed: Vec<Refused>, round: &mut Round) -> Result<(), OutboxError> {
        let now = Utc::now();
        let mut store = self.pulse.borrow().store.clone();
        let took = round.delivered + round.quarantined > 0;
        if took {
            (self.vain, store.error, store.answered_at) = (0, None, Some(now));
            store.refuses = false;
            self.failed.clear();
        }
        let mut denied = false;
        for (parcel, error) in &failed {
            denied |= matches!(error, StoreError::Denied(_));
            if !matches!(error, StoreError::Unavailable(_)) {
                store.answered_at = Some(now);
            }
            store.error = Some(error.to_string());
            store.refuses = matches!(error, StoreError::Denied(_));
            self.failed.insert(parcel.key);
            let next_at = now + delta(backoff(parcel.attempts));
            self.outbox.postpone(&[parcel.key], next_at, &error.to_string()).await?;
        }
        let rest = self.calls.rest().filter(|_| !failed.is_empty());
        if denied || rest.is_some() || self.failed.len() > 1 && !took {
            let wait = backoff(self.vain);
            let wait = if denied { wait.min(DENIED_REST) } else { wait };
            round.wait = Some(wait.max(rest.unwrap_or_default()));
            self.vain = self.vain.saturating_add(1);
        }
        let resumes_at = round.wait.map(|wait| now + delta(wait));
        self.pulse.send_modify(|pulse| (pulse.store, pulse.resumes_at) = (store, resumes_at));
        Ok(())
    }
}

/// Derives what follows from rows, and only then confirms them.
async fn finish(outbox: Outbox, calls: Calls, kept: Kept) -> Finished {
    if let Err(error) = calls.derive(kept.moved).await {
        return Ok(Err(error));
    }
    // What one transaction writes must fit into the ballast of a full disk.
    for keys in kept.keys.chunks(BATCH as usize) {
        outbox.confirm(keys).await?;
    }
    Ok(Ok(kept.of))
}

impl Kept {
    /// Takes the rows that the store has; the others are given back.
    fn take(
        &mut self,
        sent: impl IntoIterator<Item = (Parcel, Result<Recorded, StoreError>)>,
    ) -> Vec<Refused> {
        let mut refused = Vec::new();
        for (parcel, answer) in sent {
            match answer {
                Err(error) => refused.push((parcel, error)),
                Ok(_) => {
                    self.keys.push(parcel.key);
                    let provider = parcel.payload.text("provider");
                    match self.of.get_mut(provider) {
                        Some(rows) => *rows += 1,
                        None => drop(self.of.insert(provider.to_owned(), 1)),
                    }
                }
            }
        }
        refused
    }
}

/// The parcels of a call that has ended. One that nobody waits for any more may still hold them.
fn own(parcels: Arc<Vec<Parcel>>) -> Vec<Parcel> {
    Arc::try_unwrap(parcels).unwrap_or_else(|shared| shared.to_vec())
}

/// Answers that are worth writing down: of those that speak against the store a few are enough, and the rows of the others
/// stay untouched.
fn told(refused: Vec<Refused>) -> Vec<Refused> {
    let mut against = 0;
    let is_told = |(_, error): &Refused| {
        against += usize::from(!error.is_about_the_row());
        error.is_about_the_row() || against <= ENOUGH
    };
    refused.into_iter().filter(is_told).collect()
}

/// Full jitter: anything from one second to a limit that doubles with each attempt, up to five minutes.
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
