//! What decides who is measured, without reading the whole catalogue: entries that are off and wait for something, and the
//! claims of models that refuse. What follows from it is the daemon's to decide.

use crate::domain::ModelRef;
use crate::storage::StoreError;
use crate::storage::catalog::{CatalogEntry, PROBING};
use crate::storage::claims::JobState;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// Where an entry of the catalogue stands, and no more of it: a hundred thousand of these fit into little memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEntryStatus {
    /// The model.
    pub model: ModelRef,
    /// It has a provider and an id, is enabled and not deprecated: it is measured.
    pub measured: bool,
    /// It is under admission.
    pub probing: bool,
    /// When it came into the catalogue, where that is known.
    pub created_at: Option<DateTime<Utc>>,
}

impl From<CatalogEntry> for CatalogEntryStatus {
    fn from(entry: CatalogEntry) -> Self {
        Self {
            measured: entry.sound && entry.is_enabled(),
            probing: entry.text("status").as_deref() == Some(PROBING),
            created_at: entry.instant("created_at"),
            model: entry.model,
        }
    }
}

/// The few rows of a large catalogue that somebody has to decide about.
#[async_trait]
pub trait StandingStore: Send + Sync {
    /// Entries that are off and not deprecated, and wait: for a day, for a recheck, for their admission. Sorted by provider
    /// and id.
    async fn waiting(&self) -> Result<Vec<CatalogEntry>, StoreError>;

    /// Where every entry stands, sorted by provider and id.
    async fn places(&self) -> Result<Vec<CatalogEntryStatus>, StoreError>;

    /// One entry, with every field that its document has.
    async fn entry(&self, model: &ModelRef) -> Result<Option<CatalogEntry>, StoreError>;

    /// All jobs of those models of which a newest attempt failed with one of these kinds (`error_kind`), sorted by id.
    async fn jobs_of_refusing(&self, kinds: &[&str]) -> Result<Vec<JobState>, StoreError>;
}
