//! Where outcomes are kept and the catalogue is read and changed: SQLite and MongoDB behind the same traits. [`OutcomeSink`] is
//! all that a remote runner may do; [`CatalogStore`] and [`Store`] add what an operator does, [`HistoryStore`] what an operator
//! may ask, [`RowStore`] reads many rows, [`ListingStore`] keeps what providers list and [`NoticeStore`] what was told about it,
//! [`OverviewStore`] tells how all of it is, and [`InspectStore`] looks whether the store itself is in order. [`ClaimStore`] says who
//! measures what now, and [`HealthStore`] keeps signs of life. [`PostStore`] and [`IngestKeyStore`] are for the bridge that remote
//! runners post to.
//!
//! An outcome becomes a row in [`outcomes::document`] (types by the table in [`outcomes::field_types`]), and the row goes to the store that
//! [`open()`] made of a [`StoreLocation`]. What no store took is kept by [`crate::outbox::undelivered`] until one does; a daemon's rows
//! all go through [`super::outbox`].
//!
//! Nothing is counted beside a row: rollups and health are derived from rows after each one, the same way for a new row
//! and for one that was there already. So a crash between a row and its rollup is healed by the next delivery of that row.

pub mod aggregates;
pub mod bridge_url;
pub mod catalog;
pub mod claims;
pub mod collection_names;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod health;
pub mod history;
pub mod inspect;
pub mod listings;
pub mod mongo;
pub mod notices;
mod open;
pub mod outcomes;
pub mod overview;
pub mod posts;
pub(crate) mod private_files;
pub mod sqlite;
pub mod store_url;
pub mod suggestions;

pub use bridge_url::BridgeUrl;
pub use catalog::CatalogStore;
pub use catalog::entry_status::StandingStore;
pub use claims::ClaimStore;
pub use claims::chores::ChoreStore;
pub use collection_names::CollectionNames;
pub use health::HealthStore;
pub use history::HistoryStore;
pub use history::row_pages::RowStore;
pub use inspect::InspectStore;
pub use listings::ListingStore;
pub use notices::NoticeStore;
pub use open::{init_plan, look, no_database, open, suggestion_reader};
pub use overview::OverviewStore;
pub use posts::PostStore;
pub use posts::ingest_keys::IngestKeyStore;
pub use private_files::{create_private_dir, prepare_private_dir};
pub use store_url::{LocationError, MongoUri, StoreLocation};
pub use suggestions::SuggestionStore;

use crate::domain::{ModelRef, Outcome};
use aggregates::PendingAggregates;
use async_trait::async_trait;
use outcomes::payload::OutcomePayload;
use serde_json::{Map, Value};
use std::time::Duration;

/// What became of a row that a store was asked to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordOutcome {
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
#[derive(Debug, Clone, thiserror::Error)]
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

impl StoreError {
    /// Whether the row is at fault and the store works: trying again cannot help, and other rows may well go.
    pub fn is_about_the_row(&self) -> bool {
        matches!(self, StoreError::Conflict(_) | StoreError::Rejected(_))
    }
}

/// All that a runner may do.
#[async_trait]
pub trait OutcomeSink: Send + Sync {
    /// The enabled models, of one provider or of all, sorted by provider and id.
    async fn work_list(&self, provider: Option<&str>) -> Result<Vec<WorkItem>, StoreError>;

    /// Keeps one outcome, durably, under its id: at most one row an id, however often it is called.
    async fn record(&self, outcome: &Outcome) -> Result<RecordOutcome, StoreError>;

    /// Keeps several outcomes by their documents, each as [`OutcomeSink::record`] does, and tells what is owed for them to
    /// [`OutcomeSink::derive`]: a row is done when that has gone through, and until then it must be possible to deliver it again. The
    /// answers are in the order of the documents; where the store itself gives out, what comes after has no answer and was
    /// not tried. Together they should stay below some megabytes.
    async fn keep_all(
        &self,
        payloads: &[&OutcomePayload],
    ) -> (Vec<Result<RecordOutcome, StoreError>>, PendingAggregates) {
        let mut answers = Vec::with_capacity(payloads.len());
        for payload in payloads {
            let answer = match payload.outcome() {
                Ok(outcome) => self.record(&outcome).await,
                Err(why) => Err(StoreError::Rejected(format!("row `{}`: {why}", payload.id()))),
            };
            let goes_on = answer.as_ref().err().is_none_or(StoreError::is_about_the_row);
            answers.push(answer);
            if !goes_on {
                break;
            }
        }
        (answers, PendingAggregates::default())
    }

    /// Brings up to date what rows have moved that [`OutcomeSink::keep_all`] kept. Safe to repeat.
    async fn derive(&self, _aggregates: &PendingAggregates) -> Result<(), StoreError> {
        Ok(())
    }

    /// How long the store asks to be left alone, if its last answer said so.
    fn rest(&self) -> Option<Duration> {
        None
    }

    /// What it is, without any secret: `sqlite:/path`, `mongodb://host/db`, `https://bridge`.
    fn describe(&self) -> String;

    /// Adaptations learned for a model, in the order in which they were learned.
    async fn learned(&self, model: &ModelRef) -> Result<Vec<String>, StoreError>;

    /// Remembers an adaptation for a model; twice is once.
    async fn learn(&self, model: &ModelRef, adaptation: &str) -> Result<(), StoreError>;
}

/// What an operator may do besides.
#[async_trait]
pub trait Store:
    OutcomeSink
    + CatalogStore
    + HistoryStore
    + RowStore
    + ListingStore
    + NoticeStore
    + OverviewStore
    + InspectStore
    + ClaimStore
    + HealthStore
    + StandingStore
    + ChoreStore
    + PostStore
    + IngestKeyStore
{
    /// Creates tables, collections and indexes that are missing. Twice is once.
    async fn init(&self) -> Result<(), StoreError>;
}
