//! The store in one SQLite file. One thread owns the connection and takes work over a bounded queue; other processes
//! may have the same file open. Each outcome is one transaction: its row, its rollup and the model's health.

pub(super) mod column_values;
pub(super) mod errors;
pub(super) mod file;
pub(crate) mod library_version;
pub(super) mod schema;
#[cfg(test)]
mod tests;
pub(super) mod worker;

use crate::domain::ModelRef;
pub use crate::storage::suggestions::sqlite::SqliteSuggestions;
use crate::storage::{Store, StoreError};
use async_trait::async_trait;
use std::path::{Path, PathBuf};
use worker::SqliteWorker;

/// A store in one file.
pub struct SqliteStore {
    pub(super) path: PathBuf,
    pub(super) published_profiles: Vec<String>,
    pub(super) worker: SqliteWorker,
    /// Opened by [`SqliteStore::look`]: no file of SQLite may be left behind.
    only_looks: bool,
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if self.only_looks {
            self.worker.close();
        }
    }
}

impl SqliteStore {
    /// Opens the file at `path`, creating it (0600) in an existing directory, and migrates its tables.
    ///
    /// # Errors
    /// [`StoreError::Broken`] if the directory is missing or read-only, the disk is full, the file is no database or
    /// comes from a newer version, or the SQLite library is too old; [`StoreError::Unavailable`] if it is locked.
    pub async fn open(path: &Path, published_profiles: &[String]) -> Result<Self, StoreError> {
        let path = file::prepare(path)?;
        let worker = SqliteWorker::start(path.clone(), worker::connect).await?;
        Ok(Self { path, published_profiles: published_profiles.to_vec(), worker, only_looks: false })
    }

    /// Opens the file at `path` for reading: it is neither created nor migrated, and nothing can be written.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], and if there is no file.
    pub async fn look(path: &Path, published_profiles: &[String]) -> Result<Self, StoreError> {
        let path = file::existing(path)?;
        let worker = SqliteWorker::start(path.clone(), worker::look).await?;
        Ok(Self { path, published_profiles: published_profiles.to_vec(), worker, only_looks: true })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn init(&self) -> Result<(), StoreError> {
        self.worker.ask(schema::migrate).await
    }

    async fn find_by_id(&self, model_id: &str) -> Result<Vec<ModelRef>, StoreError> {
        let model_id = model_id.to_owned();
        self.worker
            .ask(move |connection| {
                crate::storage::catalog::sqlite::work_list::find_by_id(connection, &model_id)
            })
            .await
    }
}
