//! Where posts wait to be written, and who writes them. Posts that arrive together are written together, whoever sent them;
//! one that nobody waits for any more is still written once it is taken up, so a client that hangs up leaves no half. What
//! follows from rows is `aggregator`.

use super::aggregator::{Aggregator, PendingReply, RowResult};
use super::bridge_error::BridgeError;
use super::journal::Journal;
use crate::storage::outcomes::document::Row;
use crate::storage::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

/// How many rows may wait. More would wait longer than their senders do.
const QUEUE: usize = 4096;
/// How many rows are written with one call, about: posts are not divided.
const TOGETHER: usize = 200;
/// How many calls run at the same time.
const WRITERS: usize = 4;
/// How long an answer may take: the Python runner gives up after ten seconds.
const PATIENCE: Duration = Duration::from_secs(8);
const _: () = assert!(PATIENCE.as_secs() < 10);

/// One post: a row, or many.
struct WriteJob {
    rows: Vec<Row>,
    done: oneshot::Sender<Vec<RowResult>>,
    /// Their room in the queue.
    _room: OwnedSemaphorePermit,
}

/// Takes posts. Its writers end when it is dropped and the queue is empty.
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
    /// Waits until all that was taken is written and derived, or until `end`. Whether it is.
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
    /// Opens a write queue that writes into this store.
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

    /// How many rows wait.
    pub fn waiting(&self) -> usize {
        QUEUE - self.room.available_permits()
    }

    /// How many posts are stored and not derived yet.
    pub fn underived(&self) -> usize {
        self.deriver.posts()
    }

    /// Has the rows of a post written, and waits for what becomes of each, in order.
    ///
    /// # Errors
    /// 503 where too many wait already: nothing of these was taken then. A row whose writing takes too long is
    /// [`StoreError::Unavailable`]: it may be stored or not, and posting it again is harmless.
    pub async fn keep(&self, rows: Vec<Row>) -> Result<Vec<RowResult>, BridgeError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let count = rows.len();
        let room =
            u32::try_from(count).ok().and_then(|count| self.room.clone().try_acquire_many_owned(count).ok());
        let room =
            room.ok_or_else(|| BridgeError::later("overloaded", "too many posts wait; post again", 2))?;
        let (done, kept) = oneshot::channel();
        // Fails where there are no writers any more; then nobody answers either.
        let _ = self.queue.send(WriteJob { rows, done, _room: room });
        let kept = timeout(PATIENCE, kept).await.ok().and_then(Result::ok);
        Ok(kept.unwrap_or_else(|| vec![Err(StoreError::Unavailable(LATE.to_owned())); count]))
    }
}

/// What is said of a post that was not written in time.
const LATE: &str = "storing takes too long";

/// Takes what waits, writes it, has its senders told; until there is no write queue any more.
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
        // In a task of its own: a mistake in there must not end the writer.
        let store = store.clone();
        let written = tokio::spawn(async move { store.keep_posted(rows).await });
        let Ok((kept, aggregates)) = written.await else { continue };
        let mut kept = kept.into_iter();
        let answer = |(to, count): (_, usize)| PendingReply { kept: kept.by_ref().take(count).collect(), to };
        deriver.add(aggregates, senders.into_iter().map(answer).collect());
    }
}

/// The next posts, at least one; nothing, where there will be none any more.
async fn take(jobs: &mut mpsc::UnboundedReceiver<WriteJob>) -> Option<Vec<WriteJob>> {
    let (mut taken, mut rows) = (Vec::new(), 0);
    while rows < TOGETHER {
        let job = match jobs.try_recv() {
            Ok(job) => job,
            Err(_) if rows > 0 => break,
            Err(_) => jobs.recv().await?,
        };
        // Its sender was told long ago that it may not be stored; those who still wait come first.
        if !job.done.is_closed() {
            rows += job.rows.len();
            taken.push(job);
        }
    }
    Some(taken)
}
