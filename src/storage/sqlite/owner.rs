//! The thread that owns the one connection. Work comes over a bounded queue and is done in order; whoever stops waiting
//! does not stop the work. An own thread and not the runtime's pool for blocking work, because that pool also resolves names.

use super::errors::{Trouble, explain};
use super::{library, schema};
use crate::storage::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// How much work may wait before askers wait.
const QUEUE: usize = 64;

/// How long to wait for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);

/// A handle to the thread. The thread ends when the last handle is gone and its queue is empty.
pub struct Owner {
    path: PathBuf,
    jobs: mpsc::Sender<Job>,
}

impl Owner {
    /// Starts the thread and waits until it has the file open and its tables up to date.
    pub async fn start(path: PathBuf) -> Result<Self, StoreError> {
        library::check().map_err(StoreError::Broken)?;
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let (opened, answer) = oneshot::channel();
        let of_thread = path.clone();
        let work = move || match connect(&of_thread) {
            Err(trouble) => drop(opened.send(Err(explain(trouble, &of_thread)))),
            Ok(mut connection) => {
                if opened.send(Ok(())).is_err() {
                    return;
                }
                while let Some(job) = queue.blocking_recv() {
                    job(&mut connection);
                }
            }
        };
        std::thread::Builder::new()
            .name("sqlite".to_owned())
            .spawn(work)
            .map_err(|error| StoreError::Broken(format!("no thread for the database: {error}")))?;
        answer.await.map_err(|_| gone(&path))??;
        Ok(Self { path, jobs })
    }

    /// Has `work` done on the connection.
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Nobody waits any more: the work is done all the same.
            drop(reply.send(work(connection)));
        });
        self.jobs.send(job).await.map_err(|_| gone(&self.path))?;
        answer.await.map_err(|_| gone(&self.path))?.map_err(|trouble| explain(trouble, &self.path))
    }
}

fn gone(path: &Path) -> StoreError {
    StoreError::Broken(format!("the thread of the database {} has ended", path.display()))
}

fn connect(path: &Path) -> Result<Connection, Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // In WAL mode only FULL syncs each commit.
    connection.pragma_update(None, "synchronous", "FULL")?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}
