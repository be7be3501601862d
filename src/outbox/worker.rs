//! The thread that owns the connection. Work comes over a bounded queue and is done in order; whoever stops waiting does not stop
//! the work. An own thread and not the runtime's pool for blocking work, because that pool also resolves names.

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

/// How much work may wait before askers wait.
const QUEUE: usize = 256;

/// A handle to the thread. The thread ends when it is told to, or when the last handle is gone and its queue is empty.
#[derive(Clone)]
pub struct OutboxWorker {
    database: PathBuf,
    orders: mpsc::Sender<OutboxMessage>,
}

impl OutboxWorker {
    /// Starts the thread and waits until it has the outbox open.
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

    /// Has `work` done at the connection.
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut OutboxConnection) -> Result<T, OutboxError> + Send + 'static,
    ) -> Result<T, OutboxError> {
        let (reply, answer) = oneshot::channel();
        // Nobody waits any more: the work is done all the same.
        let job: OutboxJob = Box::new(move |conn| drop(reply.send(work(conn))));
        self.orders.send(OutboxMessage::Work(job)).await.map_err(|_| self.gone())?;
        answer.await.map_err(|_| self.gone())?
    }

    /// Has the database closed after what was asked before.
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
    // Nobody is left who could be told of an error.
    drop(conn.close());
}
