//! Changes of series as stores keep them: one document each, under an id that stays. What was found again overwrites what
//! was estimated; acknowledgements and fields of other writers survive, and none is deleted.

pub(super) mod mongo;
pub(super) mod sqlite;

use crate::domain::change_document::{ACKNOWLEDGED, change_document};
use crate::domain::series_change::{Acknowledgement, SeriesChange};
use crate::storage::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// The most changes of one answer, the newest.
pub const MOST_CHANGES: u32 = 10_000;

/// Selects changes; the default selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    pub provider: Option<String>,
    /// The model's id, without or with its pinned endpoint.
    pub model: Option<String>,
    /// Changes that began since then, or have not ended.
    pub since: Option<DateTime<Utc>>,
    /// Changes whose beginning is estimated at this moment or later, whatever became of them: what stores find along an
    /// index.
    pub began_since: Option<DateTime<Utc>>,
    /// Only changes that have not ended; those that last are among them: [`SeriesChange::is_open`].
    pub open: bool,
}

impl ChangeFilter {
    /// True for a change that the filter selects; stores may answer with more.
    pub fn selects(&self, change: &SeriesChange) -> bool {
        let model = &change.series.model;
        let is_open = change.ended.is_none();
        self.provider.as_ref().is_none_or(|name| *name == model.provider)
            && self.model.as_ref().is_none_or(|id| *id == model.model_id || *id == model.served_id())
            && self.since.is_none_or(|since| is_open || change.began.latest >= since)
            && self.began_since.is_none_or(|since| change.began.at >= since)
            && (!self.open || is_open)
    }
}

/// Changes of series.
#[async_trait]
pub trait SeriesChangeStore: Send + Sync {
    /// Keeps changes by their ids, but for their acknowledgements: [`SeriesChangeStore::acknowledge_change`] writes those.
    async fn keep_changes(&self, changes: &[SeriesChange]) -> Result<(), StoreError>;

    /// Changes, the latest begun first, up to [`MOST_CHANGES`].
    async fn series_changes(&self, wanted: &ChangeFilter) -> Result<Vec<SeriesChange>, StoreError>;

    async fn series_change(&self, id: &str) -> Result<Option<SeriesChange>, StoreError>;

    /// Notes that somebody has seen a change; false if there is none of this id.
    async fn acknowledge_change(&self, id: &str, seen: &Acknowledgement) -> Result<bool, StoreError>;
}

/// The fields of a change that its finder writes.
fn found_fields(change: &SeriesChange) -> Map<String, Value> {
    let mut fields = change_document(change);
    fields.remove(ACKNOWLEDGED);
    fields
}
