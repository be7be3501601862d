//! What follows from kept posts, derived once for many: one derivation runs at a time, and what is kept meanwhile is derived
//! together by the next. Where few posts come each is answered when its derivation is done, so that a runner's answer means
//! that the model's health is there; where many come they are answered as soon as their rows are safe, and the derivation
//! follows within about a second.
//!
//! Nothing is lost by an end in between: what is owed follows from rows, and [`Received::catch_up`] finds it again.
//!
//! [`Received::catch_up`]: crate::storage::Received::catch_up

use super::journal::{Journal, Level};
use crate::storage::moved::Moved;
use crate::storage::{Recorded, Store, StoreError};
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
pub type Kept = Result<Recorded, StoreError>;

/// A post's answer, and who waits for it.
pub struct Answer {
    /// What became of its rows, in order.
    pub kept: Vec<Kept>,
    /// Whoever posted them.
    pub to: oneshot::Sender<Vec<Kept>>,
}

impl Answer {
    fn give(self) {
        // Nobody may be waiting any more; the rows are stored all the same.
        let _ = self.to.send(self.kept);
    }
}

/// What is owed, and those who wait for it.
#[derive(Default)]
pub struct Deriver {
    owed: Mutex<Owed>,
    came: Notify,
}

#[derive(Default)]
struct Owed {
    moved: Moved,
    /// Posts since the last derivation began.
    posts: usize,
    waiting: Vec<Answer>,
    /// Those who wait for the derivation that runs.
    next: Vec<Answer>,
}

impl Deriver {
    /// Takes what posts have moved and their answers, which leave now or when it is derived.
    pub fn owe(&self, moved: Moved, answers: Vec<Answer>) {
        if moved.is_empty() {
            return answers.into_iter().for_each(Answer::give);
        }
        let mut owed = self.owed();
        owed.moved.merge(moved);
        owed.posts += answers.len();
        owed.waiting.extend(answers);
        let mut free = Vec::new();
        if owed.posts > FEW {
            free.append(&mut owed.next);
            free.append(&mut owed.waiting);
        }
        drop(owed);
        free.into_iter().for_each(Answer::give);
        self.came.notify_one();
    }

    /// How many posts are not derived and not being derived.
    pub fn posts(&self) -> usize {
        self.owed().posts
    }

    fn owed(&self) -> MutexGuard<'_, Owed> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
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
            if self.owed().moved.is_empty() {
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
                journal.say_seldom(Level::Warn, "derive", json!({ "message": message }));
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
        let moved = {
            let mut owed = self.owed();
            owed.posts = 0;
            owed.next = std::mem::take(&mut owed.waiting);
            std::mem::take(&mut owed.moved)
        };
        // In a task of its own: a mistake in there must not end the deriving.
        let (store, asked) = (store.clone(), moved.clone());
        let derived = tokio::spawn(async move { store.derive(&asked).await }).await;
        let derived = derived.unwrap_or_else(|_| Err(StoreError::Broken("deriving ended".to_owned())));
        let mut owed = self.owed();
        if derived.is_err() {
            owed.moved.merge(moved);
        }
        let done = std::mem::take(&mut owed.next);
        drop(owed);
        done.into_iter().for_each(Answer::give);
        derived
    }
}
