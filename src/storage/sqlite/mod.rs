//! The store in one SQLite file. One thread owns the connection and takes work over a bounded queue; other processes
//! may have the same file open. Each outcome is one transaction: its row, its rollup and the model's health.

pub(super) mod column_values;
mod connect;
pub(super) mod errors;
mod file;
pub(crate) mod library_version;
pub(super) mod schema;
#[cfg(test)]
mod tests;
pub(crate) mod worker;

use crate::domain::PublishedProfiles;
use crate::storage::{Store, StoreError};
use async_trait::async_trait;
use errors::{SqliteCallError, explain};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::time::Duration;
use worker::{Worker, WorkerGone};

/// How many jobs may wait before callers wait themselves.
const QUEUE: usize = 64;

/// How long to wait for the thread of a file that was only looked at: it takes away what SQLite put beside the file.
const CLEARING: Duration = Duration::from_millis(500);

/// A store in one file.
pub struct SqliteStore {
    pub(super) path: PathBuf,
    pub(super) published_profiles: PublishedProfiles,
    worker: Worker<Connection>,
    /// Opened by [`SqliteStore::look`]: no file of SQLite may be left behind.
    only_looks: bool,
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if self.only_looks {
            self.worker.leave(CLEARING);
        }
    }
}

impl SqliteStore {
    /// Opens the file at `path`, creating it (0600) in an existing directory, and migrates its tables.
    ///
    /// # Errors
    /// [`StoreError::Broken`] if the directory is missing or read-only, the disk is full, the file is no database or
    /// comes from a newer version, or the SQLite library is too old; [`StoreError::Unavailable`] if it is locked.
    pub async fn open(path: &Path, published_profiles: PublishedProfiles) -> Result<Self, StoreError> {
        let path = file::prepare(path)?;
        let worker = start(&path, connect::connect).await?;
        Ok(Self { path, published_profiles, worker, only_looks: false })
    }

    /// Opens the file at `path` for reading: it is neither created nor migrated, and nothing can be written.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], and if there is no file.
    pub async fn look(path: &Path, published_profiles: PublishedProfiles) -> Result<Self, StoreError> {
        let path = file::existing(path)?;
        let worker = start(&path, connect::look).await?;
        Ok(Self { path, published_profiles, worker, only_looks: true })
    }

    /// Has `work` done on the connection, after what was asked before.
    ///
    /// # Errors
    /// What SQLite says, in the store's words.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, SqliteCallError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = self.worker.ask(work).await.map_err(|WorkerGone| gone(&self.path))?;
        done.map_err(|error| explain(error, &self.path))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn init(&self) -> Result<(), StoreError> {
        self.ask(schema::migrate).await
    }
}

/// Starts the thread that owns the connection, and waits until it has the file open.
async fn start(
    path: &Path,
    connect: fn(&Path) -> Result<Connection, SqliteCallError>,
) -> Result<Worker<Connection>, StoreError> {
    library_version::check().map_err(StoreError::Broken)?;
    let of_thread = path.to_owned();
    let open = move || match connect(&of_thread) {
        Ok(connection) => Ok((connection, ())),
        Err(error) => Err(explain(error, &of_thread)),
    };
    let started = Worker::start("sqlite", QUEUE, open, drop).await;
    let started = started.map_err(|error| {
        StoreError::Broken(format!("no thread for the database {}: {error}", path.display()))
    })?;
    started.map(|(worker, ())| worker)
}

fn gone(path: &Path) -> StoreError {
    StoreError::Broken(format!("the thread of the database {} has ended", path.display()))
}
