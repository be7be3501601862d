//! Brings rows from the outbox to the store, and decides what becomes of each: confirmed by the store, put off, or set
//! aside. Whatever is not on the short list of final answers is tried again; a row that the store does not like holds up
//! nobody, and a store that is away is not asked once for each row.

use super::Outbox;
use super::beside::record_all;
use super::words::{Depth, Key, OutboxError, Parcel};
use crate::domain::Outcome;
use crate::domain::pulse::{OutboxPulse, StorePulse};
use crate::storage::{Recorded, Sink, StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Rows that are taken at once at most, and confirmed in one transaction. What is derived from rows is derived once for
/// all of them, so many at once are much cheaper.
const BATCH: u32 = 2_000;

/// The fewest that are taken at once, from a store that is slow or away.
const FEWEST: u32 = 16;

/// Bytes that are taken at once.
const BATCH_BYTES: u64 = 4 * 1024 * 1024;

/// Rows under way at once where each has its own call.
const CONCURRENT: usize = 16;

/// Answers of a batch against the store that are written down: two tell it from one row's fault.
const ENOUGH: usize = 2;

/// How long a call may take. Stores have shorter deadlines of their own; this one is for a store that forgets them.
const DEADLINE: Duration = Duration::from_secs(30);

/// Calls that may be under way although nobody waits for them any more.
const ABANDONED: usize = 64;

/// How often the outbox is looked at where nothing new comes.
const TICK: Duration = Duration::from_secs(1);

/// The longest wait between two attempts, seconds.
const LONGEST_WAIT: f64 = 300.0;

/// The longest rest after a login was refused: it is mended at a moment, by people who then look whether it works.
const DENIED_REST: Duration = Duration::from_secs(15);

/// What the sender last saw.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SenderPulse {
    /// The store.
    pub store: StorePulse,
    /// The outbox.
    pub outbox: OutboxPulse,
    /// When the store last confirmed a row of each provider.
    pub stored_at: BTreeMap<String, DateTime<Utc>>,
    /// Until when the store is left alone, where it did not answer or refused.
    pub resumes_at: Option<DateTime<Utc>>,
}

/// What a flush came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Rows that the store has now, or had already.
    pub delivered: u64,
    /// Rows set aside.
    pub quarantined: u64,
    /// Rows that still wait; they are safe.
    pub left: u64,
}

/// What became of rows, for whoever wants to hear of it as it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The store has confirmed so many rows of a provider.
    Stored {
        /// The provider.
        provider: String,
        /// How many.
        rows: u64,
    },
    /// A row is set aside.
    SetAside {
        /// The outcome's id.
        id: String,
        /// Why.
        why: String,
    },
}

/// The sender of one outbox to one store.
pub struct Sender {
    outbox: Outbox,
    sink: Arc<dyn Sink>,
    calls: Arc<Semaphore>,
    pulse: watch::Sender<SenderPulse>,
    news: Box<dyn Fn(News) + Send + Sync>,
    /// Rows that the store failed to take since it last took one. One alone may be the row's own fault; two are the
    /// store's.
    failed: BTreeSet<Key>,
    /// Rounds in a row in which the store took nothing.
    vain: u32,
    /// Rows that are taken at once now.
    batch: u32,
}

/// What became of one row.
type Sent = (Parcel, Result<Recorded, StoreError>);

/// What a round came to.
#[derive(Debug, Default)]
struct Round {
    taken: usize,
    delivered: u64,
    quarantined: u64,
    /// The store should be left alone for so long.
    wait: Option<Duration>,
}

impl Sender {
    /// A sender to `sink`, which is called `store` (`sqlite:/path`, `mongodb://host/db`), and what it tells of itself.
    pub fn new(outbox: Outbox, sink: Arc<dyn Sink>, store: String) -> (Self, watch::Receiver<SenderPulse>) {
        let store = StorePulse { name: store, ..StorePulse::default() };
        let (pulse, seen) = watch::channel(SenderPulse { store, ..SenderPulse::default() });
        let calls = Arc::new(Semaphore::new(CONCURRENT + ABANDONED));
        let news = Box::new(|_| ());
        (Self { outbox, sink, calls, pulse, news, failed: BTreeSet::new(), vain: 0, batch: BATCH }, seen)
    }

    /// The same sender, which says at once what became of rows. `news` must not wait.
    #[must_use]
    pub fn telling(self, news: impl Fn(News) + Send + Sync + 'static) -> Self {
        Self { news: Box::new(news), ..self }
    }

    /// Sends until `stop`. Calls that are under way then end by themselves; rows whose answer nobody heard stay where they
    /// are, and are sent again.
    ///
    /// # Errors
    /// A final error of the outbox. The store's are never one.
    pub async fn run(&mut self, stop: &CancellationToken) -> Result<(), OutboxError> {
        self.look().await?;
        // Daemons that start together should not all knock at once.
        let mut pause = Duration::from_secs_f64(rand::random_range(0.0..0.5));
        let mut wakes_early = false;
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(pause) => {}
                () = self.outbox.news(), if wakes_early => {}
            }
            let round = tokio::select! {
                () = stop.cancelled() => break,
                round = self.round() => round?,
            };
            self.look().await?;
            wakes_early = round.wait.is_none();
            pause = match round.wait {
                Some(wait) => wait,
                None if round.taken > 0 => Duration::ZERO,
                None => TICK,
            };
        }
        Ok(())
    }

    /// Tries once to send what is due, for at most `deadline`. What does not go stays where it is.
    ///
    /// # Errors
    /// A final error of the outbox.
    pub async fn flush_once(&mut self, deadline: Duration) -> Result<Flushed, OutboxError> {
        let mut flushed = Flushed::default();
        // Calls are tasks of their own: to stop waiting interrupts none of them.
        let ended = timeout(deadline, async {
            loop {
                let round = self.round().await?;
                flushed.delivered += round.delivered;
                flushed.quarantined += round.quarantined;
                if round.taken == 0 || round.wait.is_some() {
                    return Ok(());
                }
            }
        });
        ended.await.unwrap_or(Ok(()))?;
        flushed.left = self.look().await?.pending;
        Ok(flushed)
    }

    /// Takes what is due, sends it, and writes down what became of it.
    async fn round(&mut self) -> Result<Round, OutboxError> {
        let parcels = self.outbox.due(Utc::now(), self.batch, BATCH_BYTES).await?;
        let taken = parcels.len();
        let sent = match parcels.len() {
            0 | 1 => self.one_by_one(parcels).await,
            _ => self.together(parcels).await,
        };
        let round = self.settle(sent).await?;
        Ok(Round { taken, ..round })
    }

    /// Sends rows in one call. Where the store takes none of them, fewer go the next time, so that a slow one gets somewhere;
    /// where it does not even answer, some go one by one, so that a row on which it chokes holds up nobody.
    async fn together(&mut self, mut parcels: Vec<Parcel>) -> Vec<Sent> {
        let outcomes: Vec<Outcome> = parcels.iter().map(|parcel| parcel.outcome.clone()).collect();
        let call = |sink| record_all(sink, outcomes);
        let answers = answered(Arc::clone(&self.sink), Arc::clone(&self.calls), call).await;
        let works = |answer: &Result<Recorded, StoreError>| {
            answer.as_ref().err().is_none_or(StoreError::is_about_the_row)
        };
        let took = answers.as_ref().is_ok_and(|answers| answers.iter().any(works));
        self.batch = if took { (self.batch * 2).min(BATCH) } else { (self.batch / 2).max(FEWEST) };
        match answers {
            Ok(answers) => told(parcels.into_iter().zip(answers)),
            Err(_) => {
                parcels.truncate(CONCURRENT);
                self.one_by_one(parcels).await
            }
        }
    }

    /// Sends rows, each in a call of its own, some at a time, until the first answer that speaks against the store; the rest
    /// is left untouched.
    async fn one_by_one(&self, parcels: Vec<Parcel>) -> Vec<Sent> {
        let mut waiting = parcels.into_iter();
        let mut under_way = JoinSet::new();
        let mut sent = Vec::new();
        let mut goes_on = true;
        loop {
            while goes_on && under_way.len() < CONCURRENT {
                let Some(parcel) = waiting.next() else { break };
                let (sink, calls) = (Arc::clone(&self.sink), Arc::clone(&self.calls));
                under_way.spawn(async move {
                    let outcome = parcel.outcome.clone();
                    let answers = answered(sink, calls, |sink| record_all(sink, vec![outcome])).await;
                    let silence =
                        || Err(StoreError::Broken("the store gave no answer about a row".to_owned()));
                    (parcel, answers.and_then(|mut answers| answers.pop().unwrap_or_else(silence)))
                });
            }
            match under_way.join_next().await {
                None => return sent,
                // The task does nothing but wait.
                Some(Err(_)) => {}
                Some(Ok(one)) => {
                    goes_on &= one.1.as_ref().err().is_none_or(StoreError::is_about_the_row);
                    sent.push(one);
                }
            }
        }
    }

    async fn settle(&mut self, sent: Vec<Sent>) -> Result<Round, OutboxError> {
        let mut round = Round::default();
        let (mut confirmed, mut tried_in_vain, mut denied) = (Vec::new(), Vec::new(), false);
        let mut stored: BTreeMap<String, u64> = BTreeMap::new();
        let now = Utc::now();
        let mut pulse = self.pulse.borrow().clone();
        for (parcel, answer) in sent {
            match answer {
                Ok(_) => {
                    pulse.store.stored_at = Some(now);
                    pulse.stored_at.insert(provider(&parcel).to_owned(), now);
                    *stored.entry(provider(&parcel).to_owned()).or_default() += 1;
                    confirmed.push(parcel.key);
                }
                Err(error @ (StoreError::Conflict(_) | StoreError::Rejected(_))) => {
                    self.outbox.quarantine(parcel.key, &error.to_string()).await?;
                    (self.news)(News::SetAside {
                        id: parcel.outcome.id().to_owned(),
                        why: error.to_string(),
                    });
                    round.quarantined += 1;
                }
                Err(error) => {
                    denied |= matches!(error, StoreError::Denied(_));
                    tried_in_vain.push((parcel, error));
                }
            }
        }
        round.delivered = confirmed.len() as u64;
        if !confirmed.is_empty() {
            self.outbox.confirm(&confirmed).await?;
            stored.into_iter().for_each(|(provider, rows)| (self.news)(News::Stored { provider, rows }));
        }
        let took = round.delivered + round.quarantined > 0;
        if took {
            (self.vain, pulse.store.error, pulse.store.answered_at) = (0, None, Some(now));
            self.failed.clear();
        }
        for (parcel, error) in &tried_in_vain {
            if !matches!(error, StoreError::Unavailable(_)) {
                pulse.store.answered_at = Some(now);
            }
            pulse.store.error = Some(error.to_string());
            self.failed.insert(parcel.key);
            let next_at = now + delta(backoff(parcel.attempts));
            self.outbox.postpone(&[parcel.key], next_at, &error.to_string()).await?;
        }
        let rest = self.sink.rest().filter(|_| !tried_in_vain.is_empty());
        if denied || rest.is_some() || self.failed.len() > 1 && !took {
            let wait = backoff(self.vain);
            let wait = if denied { wait.min(DENIED_REST) } else { wait };
            round.wait = Some(wait.max(rest.unwrap_or_default()));
            self.vain = self.vain.saturating_add(1);
        }
        pulse.resumes_at = round.wait.map(|wait| now + delta(wait));
        self.pulse.send_replace(pulse);
        Ok(round)
    }

    /// Tells how full the outbox is.
    async fn look(&self) -> Result<Depth, OutboxError> {
        let depth = self.outbox.depth().await?;
        let Depth { pending, quarantined, oldest_at, bytes, full, damaged, .. } = depth.clone();
        self.pulse.send_modify(|pulse| {
            pulse.outbox = OutboxPulse { pending, quarantined, oldest_at, bytes, full, damaged };
        });
        Ok(depth)
    }
}

/// Answers that are worth writing down: of those that speak against the store a few are enough, and the rows of the others
/// stay untouched.
fn told(answers: impl Iterator<Item = Sent>) -> Vec<Sent> {
    let mut against = 0;
    let is_told = |(_, answer): &Sent| match answer {
        Err(error) if !error.is_about_the_row() => {
            against += 1;
            against <= ENOUGH
        }
        _ => true,
    };
    answers.filter(is_told).collect()
}

/// Has the store called by a task of its own: a call that is dropped half-way may leave its client in disorder.
async fn answered<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    sink: Arc<dyn Sink>,
    calls: Arc<Semaphore>,
    call: impl FnOnce(Arc<dyn Sink>) -> F,
) -> Result<T, StoreError> {
    let Ok(permit) = calls.try_acquire_owned() else {
        let why = format!("{ABANDONED} calls to the store are still unanswered");
        return Err(StoreError::Unavailable(why));
    };
    let call = call(sink);
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

fn provider(parcel: &Parcel) -> &str {
    match &parcel.outcome {
        Outcome::Success(run) => &run.provider,
        Outcome::Failure(failure) => &failure.provider,
    }
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
