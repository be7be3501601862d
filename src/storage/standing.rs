//! What decides who is measured, without reading the whole catalogue: entries that are off and wait for something, and the
//! claims of models that refuse. What follows from it is the daemon's to decide.

use crate::domain::ModelRef;
use crate::storage::StoreError;
use crate::storage::catalogue::Entry;
use crate::storage::jobs::JobState;
use async_trait::async_trait;

/// The few rows of a large catalogue that somebody has to decide about.
#[async_trait]
pub trait Standing: Send + Sync {
    /// Entries that are off and not deprecated, and wait: for a day, for a recheck, for their admission. Sorted by provider
    /// and id.
    async fn waiting(&self) -> Result<Vec<Entry>, StoreError>;

    /// One entry, with every field that its document has.
    async fn entry(&self, model: &ModelRef) -> Result<Option<Entry>, StoreError>;

    /// All jobs of those models of which a newest attempt failed with one of these kinds (`error_kind`), sorted by id.
    async fn jobs_of_refusing(&self, kinds: &[&str]) -> Result<Vec<JobState>, StoreError>;
}
