//! What follows from kept posts, derived once for many: one derivation runs at a time, and what is kept meanwhile is derived
//! together by the next. Where few posts come each is answered when its derivation is done, so that a runner's answer means
//! that the model's health is there; where many come they are answered as soon as their rows are safe, and the derivation
//! follows within about a second.
//!
//! Nothing is lost by an end in between: what is owed follows from rows, and [`Received::catch_up`] finds it again.
//!
//! [`Received::catch_up`]: crate::storage::Received::catch_up

use super::journal::{Journal, JournalLevel};
use crate::storage::aggregates::PendingAggregates;
use crate::storage::{RecordOutcome, Store, StoreError};
use serde_json::json;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// How many posts may wait for what follows from them. More, and nobody waits.
const FEW: usize = 4;
/// How far the beginnings of two derivations are apart where many posts come; and a failed one from its repetition.
const REST: Duration = Duration::from_secs(1);

/// What became of one row.
pub type RowResult = Result<RecordOutcome, StoreError>;

/// A post's answer, and who waits for it.
pub struct PendingReply {
    /// What became of its rows, in order.
    pub kept: Vec<RowResult>,
    /// Whoever posted them.
    pub to: oneshot::Sender<Vec<RowResult>>,
}

impl PendingReply {
    fn give(self) {
        // Nobody may be waiting any more; the rows are stored all the same.
        let _ = self.to.send(self.kept);
    }
}

/// What is owed, and those who wait for it.
#[derive(Default)]
pub struct Aggregator {
    pending: Mutex<AggregatorState>,
    came: Notify,
}

#[derive(Default)]
struct AggregatorState {
    aggregates: PendingAggregates,
    /// Posts since the last derivation began.
    posts: usize,
    waiting: Vec<PendingReply>,
    /// Those who wait for the derivation that runs.
    next: Vec<PendingReply>,
}

impl Aggregator {
    /// Takes what posts have moved and their answers, which leave now or when it is derived.
    pub fn add(&self, aggregates: PendingAggregates, answers: Vec<PendingReply>) {
        if aggregates.is_empty() {
            return answers.into_iter().for_each(PendingReply::give);
        }
        let mut pending = self.pending();
        pending.aggregates.merge(aggregates);
        pending.posts += answers.len();
        pending.waiting.extend(answers);
        let mut free = Vec::new();
        if pending.posts > FEW {
            free.append(&mut pending.next);
            free.append(&mut pending.waiting);
        }
        drop(pending);
        free.into_iter().for_each(PendingReply::give);
        self.came.notify_one();
    }

    /// How many posts are not derived and not being derived.
    pub fn posts(&self) -> usize {
        self.pending().posts
    }

    fn pending(&self) -> MutexGuard<'_, AggregatorState> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Derives what is owed, until `stop` is cancelled and nothing is.
    pub async fn work(
        self: Arc<Self>,
        store: Arc<dyn Store>,
        journal: Arc<Journal>,
        stop: CancellationToken,
    ) {
        let mut begun: Option<Instant> = None;
        loop {
            if self.pending().aggregates.is_empty() {
                tokio::select! {
                    () = self.came.notified() => continue,
                    () = stop.cancelled() => return,
                }
            }
            if let Some(begun) = begun.filter(|_| self.posts() > FEW) {
                stop.run_until_cancelled(sleep_until(begun + REST)).await;
            }
            begun = Some(Instant::now());
            if let Err(error) = self.derive(&store).await {
                let message = format!("what follows from stored rows is derived later: {error}");
                journal.say_seldom(JournalLevel::Warn, "derive", json!({ "message": message }));
                if stop.run_until_cancelled(sleep(REST)).await.is_none() {
                    // Whoever starts next finds it again.
                    return;
                }
            }
        }
    }

    /// Derives all that is owed now. Where that fails it is owed again, and nobody waits for the repetition: their rows are
    /// stored.
    async fn derive(&self, store: &Arc<dyn Store>) -> Result<(), StoreError> {
        let aggregates = {
            let mut pending = self.pending();
            pending.posts = 0;
            pending.next = std::mem::take(&mut pending.waiting);
            std::mem::take(&mut pending.aggregates)
        };
        // In a task of its own: a mistake in there must not end the deriving.
        let (store, asked) = (store.clone(), aggregates.clone());
        let derived = tokio::spawn(async move { store.derive(&asked).await }).await;
        let derived = derived.unwrap_or_else(|_| Err(StoreError::Broken("deriving ended".to_owned())));
        let mut pending = self.pending();
        if derived.is_err() {
            pending.aggregates.merge(aggregates);
        }
        let done = std::mem::take(&mut pending.next);
        drop(pending);
        done.into_iter().for_each(PendingReply::give);
        derived
    }
}
