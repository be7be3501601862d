//! Updates aggregates of stored posts, many at once: one update runs at a time, and the next covers all posts stored
//! meanwhile. With few posts, each is answered after its update, so a reply means that the model's health is current;
//! with many, once its rows are safe, and the update follows within about a second. An interruption loses nothing:
//! [`catch_up`](crate::storage::PostStore::catch_up) finds missing aggregates from the rows.

use super::journal::{Journal, JournalLevel};
use crate::storage::aggregates::PendingAggregates;
use crate::storage::{RecordOutcome, Store, StoreError};
use serde_json::json;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// Maximum number of posts that wait for the update; with more, all are answered at once.
const FEW: usize = 4;
/// Minimum time between the starts of two updates with many posts, and pause after a failed one.
const REST: Duration = Duration::from_secs(1);

/// The result of storing one row.
pub type RowResult = Result<RecordOutcome, StoreError>;

/// A post's reply and its receiver.
pub struct PendingReply {
    /// Results of its rows, in order.
    pub kept: Vec<RowResult>,
    pub to: oneshot::Sender<Vec<RowResult>>,
}

impl PendingReply {
    fn give(self) {
        // The receiver may be gone; the rows are stored nevertheless.
        let _ = self.to.send(self.kept);
    }
}

/// Pending aggregates, and the replies that wait for them.
#[derive(Default)]
pub struct Aggregator {
    pending: Mutex<AggregatorState>,
    came: Notify,
}

#[derive(Default)]
struct AggregatorState {
    aggregates: PendingAggregates,
    /// Posts since the last update began.
    posts: usize,
    waiting: Vec<PendingReply>,
    /// Replies that wait for the running update.
    next: Vec<PendingReply>,
}

impl Aggregator {
    /// Adds aggregates and replies of posts. The replies are sent now or after the update.
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

    /// Number of posts whose update has not begun.
    pub fn posts(&self) -> usize {
        self.pending().posts
    }

    fn pending(&self) -> MutexGuard<'_, AggregatorState> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs updates until `stop` is cancelled and none is pending.
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
                    // The next start finds the pending aggregates again.
                    return;
                }
            }
        }
    }

    /// Updates all pending aggregates. After a failure they are pending again, and the replies are sent, because
    /// the rows are stored.
    async fn derive(&self, store: &Arc<dyn Store>) -> Result<(), StoreError> {
        let aggregates = {
            let mut pending = self.pending();
            pending.posts = 0;
            pending.next = std::mem::take(&mut pending.waiting);
            std::mem::take(&mut pending.aggregates)
        };
        // In a task of its own, so that a panic does not end the loop.
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
