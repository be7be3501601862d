//! Decides which models are measured without reading the whole catalog: disabled entries that wait for something, and
//! the claims of models that refuse. The daemon decides the consequences.

use crate::domain::ModelRef;
use crate::storage::StoreError;
use crate::storage::catalog::{CatalogEntry, PROBING};
use crate::storage::claims::JobState;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// The status of a catalog entry, kept small: a hundred thousand of these fit into little memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEntryStatus {
    pub model: ModelRef,
    /// True if the entry has a provider and an id, is enabled and not deprecated.
    pub measured: bool,
    /// True if the model is under admission.
    pub probing: bool,
    /// The time the entry was created, if known.
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

/// The few rows of a large catalog that wait for a decision.
#[async_trait]
pub trait StandingStore: Send + Sync {
    /// Entries that are disabled, not deprecated, and wait for a day, a recheck or their admission. Sorted
    /// by provider and id.
    async fn waiting(&self) -> Result<Vec<CatalogEntry>, StoreError>;

    /// The status of every entry, sorted by provider and id.
    async fn places(&self) -> Result<Vec<CatalogEntryStatus>, StoreError>;

    /// One entry, with every field that its document has.
    async fn entry(&self, model: &ModelRef) -> Result<Option<CatalogEntry>, StoreError>;

    /// All jobs of those models of which a newest attempt failed with one of these kinds (`error_kind`), sorted by id.
    async fn jobs_of_refusing(&self, kinds: &[&str]) -> Result<Vec<JobState>, StoreError>;
}
