//! The thread that owns the one connection. Work comes over a bounded queue and is done in order, even if its
//! caller has stopped waiting. A separate thread instead of the runtime's pool for blocking work, because that
//! pool also resolves names.

use super::errors::{SqliteCallError, explain};
use super::{library_version, schema};
use crate::storage::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

type SqliteJob = Box<dyn FnOnce(&mut Connection) + Send>;

/// Jobs that may be queued before callers have to wait.
const QUEUE: usize = 64;

/// Time to wait for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);

/// Memory for pages of the database, KiB: half of SQLite's default. The system's own cache holds the rest as well.
const CACHE: i64 = 1024;

/// Opens the connection, on the thread.
type ConnectFn = fn(&Path) -> Result<Connection, SqliteCallError>;

/// Time to wait for the thread of a file opened for reading: it removes the files that SQLite created beside it.
const CLEARING: Duration = Duration::from_millis(500);

/// A handle to the thread. The thread ends when the last handle is gone and its queue is empty.
pub struct SqliteWorker {
    path: PathBuf,
    jobs: mpsc::Sender<SqliteJob>,
    /// Receives the end of the thread.
    ended: Mutex<Receiver<()>>,
}

impl SqliteWorker {
    /// Starts the thread and waits until it has the file open.
    pub async fn start(path: PathBuf, connect: ConnectFn) -> Result<Self, StoreError> {
        library_version::check().map_err(StoreError::Broken)?;
        let (jobs, mut queue) = mpsc::channel::<SqliteJob>(QUEUE);
        let (opened, answer) = oneshot::channel();
        let of_thread = path.clone();
        let (ends, ended) = channel();
        let work = move || match connect(&of_thread) {
            Err(call_error) => drop(opened.send(Err(explain(call_error, &of_thread)))),
            Ok(mut connection) => {
                if opened.send(Ok(())).is_err() {
                    return;
                }
                while let Some(job) = queue.blocking_recv() {
                    job(&mut connection);
                }
                drop(connection);
                // Usually nobody listens.
                let _ = ends.send(());
            }
        };
        std::thread::Builder::new()
            .name("sqlite".to_owned())
            .spawn(work)
            .map_err(|error| StoreError::Broken(format!("no thread for the database: {error}")))?;
        answer.await.map_err(|_| gone(&path))??;
        Ok(Self { path, jobs, ended: Mutex::new(ended) })
    }

    /// Ends the thread and waits briefly until the file is closed.
    pub fn close(&mut self) {
        // This drops the only sender, which ends the queue.
        self.jobs = mpsc::channel(1).0;
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.recv_timeout(CLEARING);
    }

    /// Runs `work` on the connection and returns its result.
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, SqliteCallError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: SqliteJob = Box::new(move |connection| {
            // The caller may have stopped waiting; the work is done all the same.
            drop(reply.send(work(connection)));
        });
        self.jobs.send(job).await.map_err(|_| gone(&self.path))?;
        answer.await.map_err(|_| gone(&self.path))?.map_err(|call_error| explain(call_error, &self.path))
    }
}

fn gone(path: &Path) -> StoreError {
    StoreError::Broken(format!("the thread of the database {} has ended", path.display()))
}

/// Opens a connection for reading and writing and migrates the tables.
pub fn connect(path: &Path) -> Result<Connection, SqliteCallError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "cache_size", -CACHE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // In WAL mode only FULL syncs each commit.
    connection.pragma_update(None, "synchronous", "FULL")?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

/// Opens a connection that only reads. Opens the file for writing if that is allowed, because otherwise SQLite cannot
/// remove the files that it puts beside the database.
pub fn look(path: &Path) -> Result<Connection, SqliteCallError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    // The first access to the content: it fails here if the file is no database.
    schema::outdated(&connection)?;
    Ok(connection)
}
