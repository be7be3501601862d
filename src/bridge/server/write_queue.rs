//! Queues posts and writes them, several clients' posts together. A post that is being written is completed even if its
//! client hangs up. `aggregator` updates the aggregates.

use super::aggregator::{Aggregator, PendingReply, RowResult};
use super::bridge_error::BridgeError;
use super::journal::Journal;
use crate::storage::outcomes::document::PackedRow;
use crate::storage::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

/// Maximum number of waiting rows. More would wait longer than their senders do.
const QUEUE: usize = 4096;
/// Approximate number of rows that one call writes: posts are not divided.
const TOGETHER: usize = 200;
/// Maximum number of concurrent calls.
const WRITERS: usize = 4;
/// Time limit for a reply: the Python runner gives up after ten seconds.
const PATIENCE: Duration = Duration::from_secs(8);
const _: () = assert!(PATIENCE.as_secs() < 10);

/// One post with its rows.
struct WriteJob {
    rows: Vec<PackedRow>,
    done: oneshot::Sender<Vec<RowResult>>,
    /// The room of its rows in the queue.
    _room: OwnedSemaphorePermit,
}

/// Accepts posts. The writers end when it is dropped and the queue is empty.
#[derive(Clone)]
pub struct WriteQueue {
    queue: mpsc::UnboundedSender<WriteJob>,
    room: Arc<Semaphore>,
    deriver: Arc<Aggregator>,
}

/// The writers of a write queue.
pub struct QueueWriters {
    writing: JoinSet<()>,
    deriving: JoinHandle<()>,
    written: CancellationToken,
}

impl QueueWriters {
    /// Waits until all accepted posts are written and their aggregates updated, or until `end`. Returns false at `end`.
    pub async fn finish(mut self, end: Instant) -> bool {
        let finished = async {
            while self.writing.join_next().await.is_some() {}
            self.written.cancel();
            let _ = self.deriving.await;
        };
        timeout_at(end, finished).await.is_ok()
    }
}

impl WriteQueue {
    /// Opens a write queue for this store.
    pub fn open(store: &Arc<dyn Store>, journal: &Arc<Journal>) -> (Self, QueueWriters) {
        let (queue, jobs) = mpsc::unbounded_channel();
        let (jobs, deriver) = (Arc::new(Mutex::new(jobs)), Arc::new(Aggregator::default()));
        let mut writing = JoinSet::new();
        for _ in 0..WRITERS {
            writing.spawn(write(store.clone(), jobs.clone(), deriver.clone()));
        }
        let written = CancellationToken::new();
        let deriving = deriver.clone().work(store.clone(), journal.clone(), written.clone());
        let writers = QueueWriters { writing, deriving: tokio::spawn(deriving), written };
        (Self { queue, room: Arc::new(Semaphore::new(QUEUE)), deriver }, writers)
    }

    /// Number of waiting rows.
    pub fn waiting(&self) -> usize {
        QUEUE - self.room.available_permits()
    }

    /// Number of stored posts whose aggregates are not updated yet.
    pub fn underived(&self) -> usize {
        self.deriver.posts()
    }

    /// Writes the rows of a post, and returns the result of each, in order.
    ///
    /// # Errors
    /// 503 if too many rows wait already: none of these was taken. A row whose writing takes too long gives
    /// [`StoreError::Unavailable`]: it may be stored or not, and posting it again is harmless.
    pub async fn keep(&self, rows: Vec<PackedRow>) -> Result<Vec<RowResult>, BridgeError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let count = rows.len();
        let room =
            u32::try_from(count).ok().and_then(|count| self.room.clone().try_acquire_many_owned(count).ok());
        let room =
            room.ok_or_else(|| BridgeError::later("overloaded", "too many posts wait; post again", 2))?;
        let (done, kept) = oneshot::channel();
        // Fails only without writers, and then no reply comes either.
        let _ = self.queue.send(WriteJob { rows, done, _room: room });
        let kept = timeout(PATIENCE, kept).await.ok().and_then(Result::ok);
        Ok(kept.unwrap_or_else(|| vec![Err(StoreError::Unavailable(LATE.to_owned())); count]))
    }
}

/// The error of a post that was not written in time.
const LATE: &str = "storing takes too long";

/// Takes waiting posts, writes them, and passes their replies on, until the write queue is dropped.
async fn write(
    store: Arc<dyn Store>,
    jobs: Arc<Mutex<mpsc::UnboundedReceiver<WriteJob>>>,
    deriver: Arc<Aggregator>,
) {
    loop {
        let taken = take(&mut *jobs.lock().await).await;
        let Some(taken) = taken else { return };
        let (mut rows, mut senders) = (Vec::new(), Vec::with_capacity(taken.len()));
        for job in taken {
            senders.push((job.done, job.rows.len()));
            rows.extend(job.rows);
        }
        // In a task of its own, so that a panic does not end the writer.
        let store = store.clone();
        let written = tokio::spawn(async move { store.keep_posted(rows).await });
        let Ok((kept, aggregates)) = written.await else { continue };
        let mut kept = kept.into_iter();
        let answer = |(to, count): (_, usize)| PendingReply { kept: kept.by_ref().take(count).collect(), to };
        deriver.add(aggregates, senders.into_iter().map(answer).collect());
    }
}

/// The next posts, at least one; `None` if there will be none.
async fn take(jobs: &mut mpsc::UnboundedReceiver<WriteJob>) -> Option<Vec<WriteJob>> {
    let (mut taken, mut rows) = (Vec::new(), 0);
    while rows < TOGETHER {
        let job = match jobs.try_recv() {
            Ok(job) => job,
            Err(_) if rows > 0 => break,
            Err(_) => jobs.recv().await?,
        };
        // Its sender was already told that it may not be stored; those who still wait come first.
        if !job.done.is_closed() {
            rows += job.rows.len();
            taken.push(job);
        }
    }
    Some(taken)
}
