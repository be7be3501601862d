//! The thread that owns the connection. Jobs arrive over a bounded queue and run in order; a caller that stops waiting
//! does not cancel its job. It is a thread of its own, because the runtime's blocking pool also resolves names.

use super::connection::OutboxConnection;
use super::open;
use super::types::{OpenReport, OutboxCapacity, OutboxError};
use std::path::{Path, PathBuf};
use tokio::sync::{mpsc, oneshot};

type OutboxJob = Box<dyn FnOnce(&mut OutboxConnection) + Send>;

enum OutboxMessage {
    Work(OutboxJob),
    Close(oneshot::Sender<Result<(), OutboxError>>),
}

/// Capacity of the job queue; callers wait while it is full.
const QUEUE: usize = 256;

/// A handle to the thread, which ends on request, or after the last handle is dropped and the queue is empty.
#[derive(Clone)]
pub struct OutboxWorker {
    database: PathBuf,
    orders: mpsc::Sender<OutboxMessage>,
}

impl OutboxWorker {
    /// Starts the thread and waits until it has opened the outbox.
    pub async fn start(
        directory: &Path,
        capacity: OutboxCapacity,
    ) -> Result<(Self, OpenReport), OutboxError> {
        let database = directory.join("outbox.db");
        let (orders, queue) = mpsc::channel(QUEUE);
        let (opened, answer) = oneshot::channel();
        let of_thread = directory.to_owned();
        let work = move || match open::open(&of_thread, capacity) {
            Err(error) => drop(opened.send(Err(error))),
            Ok((conn, opening)) => {
                if opened.send(Ok(opening)).is_ok() {
                    serve(conn, queue);
                }
            }
        };
        std::thread::Builder::new()
            .name("outbox".to_owned())
            .spawn(work)
            .map_err(|error| OutboxError::Io { path: database.clone(), why: error.to_string() })?;
        let owner = Self { database, orders };
        let opening = answer.await.map_err(|_| owner.gone())??;
        Ok((owner, opening))
    }

    /// Runs `work` on the thread and returns its result.
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut OutboxConnection) -> Result<T, OutboxError> + Send + 'static,
    ) -> Result<T, OutboxError> {
        let (reply, answer) = oneshot::channel();
        // The job runs even if its caller has stopped waiting.
        let job: OutboxJob = Box::new(move |conn| drop(reply.send(work(conn))));
        self.orders.send(OutboxMessage::Work(job)).await.map_err(|_| self.gone())?;
        answer.await.map_err(|_| self.gone())?
    }

    /// Closes the database after all earlier jobs.
    pub async fn close(&self) -> Result<(), OutboxError> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(OutboxMessage::Close(reply)).await.map_err(|_| self.gone())?;
        answer.await.map_err(|_| self.gone())?
    }

    fn gone(&self) -> OutboxError {
        OutboxError::Io { path: self.database.clone(), why: "its thread has ended".to_owned() }
    }
}

fn serve(mut conn: OutboxConnection, mut queue: mpsc::Receiver<OutboxMessage>) {
    while let Some(order) = queue.blocking_recv() {
        match order {
            OutboxMessage::Work(job) => job(&mut conn),
            OutboxMessage::Close(reply) => return drop(reply.send(conn.close())),
        }
    }
    // No caller is left to receive an error.
    drop(conn.close());
}
