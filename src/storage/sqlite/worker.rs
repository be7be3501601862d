//! The thread that owns a connection. Work comes over a bounded queue and is done in order; a caller that stops waiting
//! does not stop its work. A thread of its own and not the runtime's pool for blocking work, because that pool also
//! resolves names. The store and the outbox each have one.

use std::io;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Works on what the thread owns and gives it back; nothing ends the thread.
type Job<C> = Box<dyn FnOnce(C) -> Option<C> + Send>;

/// The thread has ended: it was closed, or it panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerGone;

/// A handle to the thread; a clone is another handle to the same. The thread ends when it is closed, or when the last
/// handle is gone and its queue is empty.
pub struct Worker<C> {
    jobs: mpsc::Sender<Job<C>>,
    ended: Arc<Mutex<Receiver<()>>>,
}

impl<C> Clone for Worker<C> {
    fn clone(&self) -> Self {
        Self { jobs: self.jobs.clone(), ended: Arc::clone(&self.ended) }
    }
}

impl<C: 'static> Worker<C> {
    /// Starts a thread, lets it `open` what it shall own, and waits for that. At most `queue` jobs wait on the way;
    /// further callers wait themselves. `abandon` takes what is owned when all handles are gone and none closed it.
    ///
    /// # Errors
    /// Where no thread can be had. What `open` answers is passed on; after its error there is no worker.
    pub async fn start<T: Send + 'static, E: Send + 'static>(
        name: &str,
        queue: usize,
        open: impl FnOnce() -> Result<(C, T), E> + Send + 'static,
        abandon: fn(C),
    ) -> io::Result<Result<(Self, T), E>> {
        let (jobs, mut orders) = mpsc::channel::<Job<C>>(queue);
        let (opened, answer) = oneshot::channel();
        let (ends, ended) = channel();
        let work = move || {
            let mut owned = match open() {
                Ok((owned, told)) => match opened.send(Ok(told)) {
                    Ok(()) => Some(owned),
                    Err(_) => return abandon(owned),
                },
                Err(error) => return drop(opened.send(Err(error))),
            };
            while let Some(lent) = owned.take() {
                match orders.blocking_recv() {
                    Some(job) => owned = job(lent),
                    None => abandon(lent),
                }
            }
            // Mostly nobody listens.
            let _ = ends.send(());
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        let opened = answer.await.map_err(|_| io::Error::other("its thread has ended"))?;
        Ok(opened.map(|told| (Self { jobs, ended: Arc::new(Mutex::new(ended)) }, told)))
    }

    /// Has `work` done on what the thread owns, after what was asked before.
    ///
    /// # Errors
    /// Where the thread has ended.
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut C) -> T + Send + 'static,
    ) -> Result<T, WorkerGone> {
        let (reply, answer) = oneshot::channel();
        let job: Job<C> = Box::new(move |mut owned| {
            // Where nobody waits any longer, the work is done all the same.
            drop(reply.send(work(&mut owned)));
            Some(owned)
        });
        self.jobs.send(job).await.map_err(|_| WorkerGone)?;
        answer.await.map_err(|_| WorkerGone)
    }

    /// Ends the thread after what was asked before: `end` takes what it owned.
    ///
    /// # Errors
    /// Where the thread has ended already.
    pub async fn close<T: Send + 'static>(
        &self,
        end: impl FnOnce(C) -> T + Send + 'static,
    ) -> Result<T, WorkerGone> {
        let (reply, answer) = oneshot::channel();
        let job: Job<C> = Box::new(move |owned| {
            drop(reply.send(end(owned)));
            None
        });
        self.jobs.send(job).await.map_err(|_| WorkerGone)?;
        answer.await.map_err(|_| WorkerGone)
    }

    /// Lets go of this handle and waits until the thread has ended, for at most `patience`; blocks.
    pub fn leave(&mut self, patience: Duration) {
        // Without this sender, the last one, the queue ends.
        self.jobs = mpsc::channel(1).0;
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.recv_timeout(patience);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn numbers() -> Worker<Vec<u32>> {
        Worker::start("numbers", 2, || Ok::<_, ()>((Vec::new(), "open")), drop).await.unwrap().unwrap().0
    }

    #[tokio::test]
    async fn work_is_done_in_order_and_the_end_takes_what_was_owned() {
        let worker = numbers().await;
        for number in 0..9 {
            let length = worker.ask(move |owned| {
                owned.push(number);
                owned.len()
            });
            assert_eq!(length.await, Ok(number as usize + 1));
        }
        let other = worker.clone();
        assert_eq!(worker.close(|owned| owned).await, Ok((0..9).collect::<Vec<_>>()));
        assert_eq!(other.ask(|owned| owned.len()).await, Err(WorkerGone));
        assert_eq!(other.close(drop).await, Err(WorkerGone));
    }

    #[tokio::test]
    async fn work_whose_caller_left_is_done() {
        let worker = numbers().await;
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let left = tokio::spawn({
            let worker = worker.clone();
            async move { worker.ask(move |_| wait.recv()).await.is_ok() }
        });
        tokio::task::yield_now().await;
        let abandoned = tokio::time::timeout(Duration::ZERO, worker.ask(|owned| owned.push(7)));
        assert!(abandoned.await.is_err());
        go.send(()).unwrap();
        assert!(left.await.unwrap());
        assert_eq!(worker.ask(|owned| owned.clone()).await, Ok(vec![7]));
    }

    #[tokio::test]
    async fn what_cannot_be_opened_says_why_and_a_panic_ends_the_worker() {
        let refused = Worker::<u32>::start("none", 1, || Err::<(u32, ()), _>("no"), drop).await.unwrap();
        assert_eq!(refused.err(), Some("no"));
        let worker = numbers().await;
        assert_eq!(worker.ask(|_| -> u32 { panic!("at work") }).await, Err(WorkerGone));
        assert_eq!(worker.ask(|owned| owned.len()).await, Err(WorkerGone));
    }
}
