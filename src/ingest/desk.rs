//! Where posts wait to be written, and who writes them. Posts that arrive together are written together, whoever sent them;
//! one that nobody waits for any more is still written once it is taken up, so a client that hangs up leaves no half.

use super::refusal::Refusal;
use crate::storage::received::Posted;
use crate::storage::{Recorded, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// How many posts may wait. More would wait longer than their senders do.
const QUEUE: usize = 4096;
/// How many are written with one call.
const TOGETHER: usize = 100;
/// How many calls run at the same time.
const WRITERS: usize = 4;
/// How long an answer may take: the predecessor's runner gives up after ten seconds.
const PATIENCE: Duration = Duration::from_secs(8);

/// What became of one post.
pub type Kept = Result<Recorded, StoreError>;

struct Job {
    post: Posted,
    done: oneshot::Sender<Kept>,
}

/// Takes posts. Its writers end when it is dropped and the queue is empty.
#[derive(Clone)]
pub struct Desk {
    queue: mpsc::Sender<Job>,
}

/// The writers of a desk.
pub struct Writers(JoinSet<()>);

impl Writers {
    /// Waits until all that was taken is written, or until `end`. Whether it is.
    pub async fn finish(mut self, end: Instant) -> bool {
        timeout_at(end, async { while self.0.join_next().await.is_some() {} }).await.is_ok()
    }
}

impl Desk {
    /// Opens a desk that writes into this store.
    pub fn open(store: &Arc<dyn Store>) -> (Self, Writers) {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        let mut writers = JoinSet::new();
        for _ in 0..WRITERS {
            writers.spawn(write(store.clone(), jobs.clone()));
        }
        (Self { queue }, Writers(writers))
    }

    /// How many posts wait.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Has posts written, and waits for what becomes of each, in order.
    ///
    /// # Errors
    /// 503 where too many wait already: nothing of these was taken then. A post whose writing takes too long is
    /// [`StoreError::Unavailable`]: it may be stored or not, and posting it again is harmless.
    pub async fn keep(&self, posts: Vec<Posted>) -> Result<Vec<Kept>, Refusal> {
        let end = Instant::now() + PATIENCE;
        let room = self.queue.try_reserve_many(posts.len());
        let room = room.map_err(|_| Refusal::later("overloaded", "too many posts wait; post again", 2))?;
        let mut waiting = Vec::with_capacity(posts.len());
        for (place, post) in room.zip(posts) {
            let (done, kept) = oneshot::channel();
            place.send(Job { post, done });
            waiting.push(kept);
        }
        let mut kept = Vec::with_capacity(waiting.len());
        for one in waiting {
            let answer = timeout_at(end, one).await.ok().and_then(Result::ok);
            kept.push(answer.unwrap_or_else(|| Err(StoreError::Unavailable(LATE.to_owned()))));
        }
        Ok(kept)
    }
}

/// What is said of a post that was not written in time.
const LATE: &str = "storing takes too long";

/// Takes what waits, writes it, tells its senders; until there is no desk any more.
async fn write(store: Arc<dyn Store>, jobs: Arc<Mutex<mpsc::Receiver<Job>>>) {
    let mut taken = Vec::with_capacity(TOGETHER);
    loop {
        if jobs.lock().await.recv_many(&mut taken, TOGETHER).await == 0 {
            return;
        }
        // Its sender was told long ago that it may not be stored; those who still wait come first.
        taken.retain(|job: &Job| !job.done.is_closed());
        let (posts, senders): (Vec<_>, Vec<_>) = taken.drain(..).map(|job| (job.post, job.done)).unzip();
        // In a task of its own: a mistake in there must not end the writer.
        let store = store.clone();
        let written = tokio::spawn(async move { store.keep_posted(&posts).await });
        let kept = written.await.unwrap_or_default();
        for (sender, kept) in senders.into_iter().zip(kept) {
            // Nobody may be waiting any more; the row is stored all the same.
            let _ = sender.send(kept);
        }
    }
}
