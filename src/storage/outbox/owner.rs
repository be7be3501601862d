//! The thread that owns the desk. Work comes over a bounded queue and is done in order; whoever stops waiting does not stop
//! the work. An own thread and not the runtime's pool for blocking work, because that pool also resolves names.

use super::desk::Desk;
use super::opening;
use super::words::{Capacity, Opening, OutboxError};
use std::path::{Path, PathBuf};
use tokio::sync::{mpsc, oneshot};

type Job = Box<dyn FnOnce(&mut Desk) + Send>;

enum Order {
    Work(Job),
    Close(oneshot::Sender<Result<(), OutboxError>>),
}

/// How much work may wait before askers wait.
const QUEUE: usize = 256;

/// A handle to the thread. The thread ends when it is told to, or when the last handle is gone and its queue is empty.
#[derive(Clone)]
pub struct Owner {
    database: PathBuf,
    orders: mpsc::Sender<Order>,
}

impl Owner {
    /// Starts the thread and waits until it has the outbox open.
    pub async fn start(directory: &Path, capacity: Capacity) -> Result<(Self, Opening), OutboxError> {
        let database = directory.join("outbox.db");
        let (orders, queue) = mpsc::channel(QUEUE);
        let (opened, answer) = oneshot::channel();
        let of_thread = directory.to_owned();
        let work = move || match opening::open(&of_thread, capacity) {
            Err(error) => drop(opened.send(Err(error))),
            Ok((desk, opening)) => {
                if opened.send(Ok(opening)).is_ok() {
                    serve(desk, queue);
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

    /// Has `work` done at the desk.
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Desk) -> Result<T, OutboxError> + Send + 'static,
    ) -> Result<T, OutboxError> {
        let (reply, answer) = oneshot::channel();
        // Nobody waits any more: the work is done all the same.
        let job: Job = Box::new(move |desk| drop(reply.send(work(desk))));
        self.orders.send(Order::Work(job)).await.map_err(|_| self.gone())?;
        answer.await.map_err(|_| self.gone())?
    }

    /// Has the database closed after what was asked before.
    pub async fn close(&self) -> Result<(), OutboxError> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Close(reply)).await.map_err(|_| self.gone())?;
        answer.await.map_err(|_| self.gone())?
    }

    fn gone(&self) -> OutboxError {
        OutboxError::Io { path: self.database.clone(), why: "its thread has ended".to_owned() }
    }
}

fn serve(mut desk: Desk, mut queue: mpsc::Receiver<Order>) {
    while let Some(order) = queue.blocking_recv() {
        match order {
            Order::Work(job) => job(&mut desk),
            Order::Close(reply) => return drop(reply.send(desk.close())),
        }
    }
    // Nobody is left who could be told of an error.
    drop(desk.close());
}
