//! Stores for outcomes and the catalog: SQLite and MongoDB behind the same traits, one folder per topic. Remote runners
//! need [`OutcomeSink`] alone; operators also use [`Store`], [`CatalogStore`], [`HistoryStore`], [`RowStore`],
//! [`ListingStore`], [`NoticeStore`], [`OverviewStore`] and [`InspectStore`], daemons [`ClaimStore`] and
//! [`HealthStore`], the bridge [`PostStore`] and [`IngestKeyStore`].
//!
//! [`outcomes::document`] turns an outcome into a row (types by [`outcomes::field_types`]) for the store that
//! [`open()`] made of a [`StoreLocation`]. [`crate::outbox::undelivered`] keeps rows that no store took; a daemon's
//! rows all go through [`super::outbox`]. Rollups and health are derived from rows after each one, new or repeated, and
//! never incremented: so the next delivery of a row repairs a crash between the row and its rollup.

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

/// The result of storing a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordOutcome {
    /// The row is stored now, durably.
    Stored,
    /// The same row was there already.
    Duplicate,
}

/// An enabled model of the catalog, as a runner needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkItem {
    pub model: ModelRef,
    /// The name for people; the raw id if the catalog has no name.
    pub display_name: String,
    /// Request quirks of the catalog, verbatim.
    pub metadata: Map<String, Value>,
}

/// The reason why a store could not do a call.
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
    /// The store exists but cannot work: wrong version, missing directory, full disk, damaged file.
    #[error("{0}")]
    Broken(String),
}

impl StoreError {
    /// True if the row is at fault and the store works: trying again cannot help, but other rows may be accepted.
    pub fn is_about_the_row(&self) -> bool {
        matches!(self, StoreError::Conflict(_) | StoreError::Rejected(_))
    }
}

/// The calls that a runner may make.
#[async_trait]
pub trait OutcomeSink: Send + Sync {
    /// The enabled models, of one provider or of all, sorted by provider and id.
    async fn work_list(&self, provider: Option<&str>) -> Result<Vec<WorkItem>, StoreError>;

    /// Stores one outcome, durably, under its id: at most one row per id, however often it is called.
    async fn record(&self, outcome: &Outcome) -> Result<RecordOutcome, StoreError>;

    /// Stores several outcomes by their documents, each as [`OutcomeSink::record`] does, and returns the aggregates to
    /// pass to [`OutcomeSink::derive`]: a row is done when that has succeeded, and until then it must be possible to
    /// deliver it again. The results are in the order of the documents; if the store itself fails, the documents after
    /// that were not tried and have no result. Together they should stay below some megabytes.
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

    /// Updates the aggregates that [`OutcomeSink::keep_all`] returned. Safe to repeat.
    async fn derive(&self, _aggregates: &PendingAggregates) -> Result<(), StoreError> {
        Ok(())
    }

    /// The time for which the store's last answer asked not to be called, if it did.
    fn rest(&self) -> Option<Duration> {
        None
    }

    /// The store's name, without any secret: `sqlite:/path`, `mongodb://host/db`, `https://bridge`.
    fn describe(&self) -> String;

    /// Adaptations learned for a model, in the order in which they were learned.
    async fn learned(&self, model: &ModelRef) -> Result<Vec<String>, StoreError>;

    /// Stores an adaptation for a model, once even if it is learned again.
    async fn learn(&self, model: &ModelRef, adaptation: &str) -> Result<(), StoreError>;
}

/// The additional calls for operators.
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
    /// Creates tables, collections and indexes that are missing. Safe to repeat.
    async fn init(&self) -> Result<(), StoreError>;

    /// Finds catalog models by bare id, enabled or not.
    async fn find_by_id(&self, model_id: &str) -> Result<Vec<ModelRef>, StoreError>;
}
