//! Where outcomes are kept and the catalogue is read: SQLite and MongoDB behind two traits. [`Sink`] is all that a remote
//! runner may do; [`Store`] adds what an operator does.

use crate::domain::{ModelRef, Outcome};
use async_trait::async_trait;
use serde_json::{Map, Value};

/// What became of a row that a store was asked to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is stored now, durably.
    Stored,
    /// The same row was there already.
    Duplicate,
}

/// An enabled model of the catalogue, as a runner needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkItem {
    /// Provider and model.
    pub model: ModelRef,
    /// What people read; the raw id where the catalogue has no name.
    pub display_name: String,
    /// Request quirks, verbatim.
    pub metadata: Map<String, Value>,
}

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or did not answer in time: the write may or may not have happened. Worth trying again.
    #[error("{0}")]
    Unavailable(String),
    /// It refuses the login or the permission.
    #[error("{0}")]
    Denied(String),
    /// The same id is stored with other content. Trying again cannot help.
    #[error("{0}")]
    Conflict(String),
    /// The row itself cannot be stored. Trying again cannot help.
    #[error("{0}")]
    Rejected(String),
    /// The store is there and cannot work: wrong version, missing directory, full disk, damaged file.
    #[error("{0}")]
    Broken(String),
}

/// All that a runner may do.
#[async_trait]
pub trait Sink: Send + Sync {
    /// The enabled models, of one provider or of all, sorted by provider and id.
    async fn work_list(&self, provider: Option<&str>) -> Result<Vec<WorkItem>, StoreError>;

    /// Keeps one outcome, durably, under its id: at most one row an id, however often it is called.
    async fn record(&self, outcome: &Outcome) -> Result<Recorded, StoreError>;

    /// Adaptations learned for a model, in the order in which they were learned.
    async fn learned(&self, model: &ModelRef) -> Result<Vec<String>, StoreError>;

    /// Remembers an adaptation for a model; twice is once.
    async fn learn(&self, model: &ModelRef, adaptation: &str) -> Result<(), StoreError>;
}

/// What an operator may do besides.
#[async_trait]
pub trait Store: Sink {
    /// What [`Store::init`] would create, one line each, for people.
    fn init_plan(&self) -> Vec<String>;

    /// Creates tables, collections and indexes that are missing. Twice is once.
    async fn init(&self) -> Result<(), StoreError>;

    /// Finds catalogue models by bare id, enabled or not.
    async fn find_by_id(&self, model_id: &str) -> Result<Vec<ModelRef>, StoreError>;

    /// What the store is, without any secret: `sqlite:/path`, `mongodb://host/db`.
    fn describe(&self) -> String;
}
