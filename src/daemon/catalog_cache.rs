//! Keeps the catalog as it was last read in a file beside the outbox, so that a daemon that starts while its store is
//! unreachable knows its models. A runner keeps its bridge's lists in the same file format.

use crate::bridge::client::work_list_cache::WorkListCache;
use crate::domain::ModelRef;
use crate::storage::WorkItem;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;
use tracing::warn;

/// File name in the state directory.
const NAME: &str = "catalogue.json";

/// Key of the catalog in the file.
const ALL: &str = "catalogue";

#[derive(Debug)]
pub struct CatalogCache {
    kept: WorkListCache,
    longest: TimeDelta,
    unkept: bool,
}

/// A model as the file stores it.
#[derive(Serialize, Deserialize)]
struct SavedModel {
    provider: String,
    model_id: String,
    display_name: String,
    metadata: Map<String, Value>,
}

impl CatalogCache {
    /// Opens the cache in this state directory. An entry is valid for `longest` after it was read.
    pub fn open(state_dir: &Path, longest: Duration) -> Self {
        let longest = TimeDelta::from_std(longest).unwrap_or(TimeDelta::MAX);
        Self { kept: WorkListCache::open(state_dir.join(NAME)), longest, unkept: false }
    }

    /// Saves the enabled models that were read at `now`. Logs a warning at the first of consecutive failures.
    pub fn keep(&mut self, items: &[WorkItem], now: DateTime<Utc>) {
        let entry = |item: &WorkItem| SavedModel {
            provider: item.model.provider.clone(),
            model_id: item.model.model_id.clone(),
            display_name: item.display_name.clone(),
            metadata: item.metadata.clone(),
        };
        let models: Vec<SavedModel> = items.iter().map(entry).collect();
        let kept = self.kept.keep(ALL, json!({ "models": models }), now);
        let before = std::mem::replace(&mut self.unkept, kept.is_err());
        if let Err(error) = kept.as_ref()
            && !before
        {
            warn!(
                "the catalog cannot be kept, so a start without the store would measure an older one: {error}"
            );
        }
    }

    /// Returns the saved models and the time they were read; `None` if they are too old or nothing is saved.
    pub fn recall(&self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, Vec<WorkItem>)> {
        let (at, document) = self.kept.get(ALL, self.longest, now)?;
        let entries: Vec<SavedModel> = Vec::deserialize(document.get("models")?).ok()?;
        let item = |entry: SavedModel| WorkItem {
            model: ModelRef { provider: entry.provider, model_id: entry.model_id },
            display_name: entry.display_name,
            metadata: entry.metadata,
        };
        Some((at, entries.into_iter().map(item).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalog_comes_back_as_it_was_and_counts_for_its_time() {
        let home = tempfile::tempdir().unwrap();
        let day = Duration::from_secs(86_400);
        let item = WorkItem {
            model: ModelRef::new("bedrock", "amazon.nova-pro-v1:0"),
            display_name: "Nova".to_owned(),
            metadata: json!({"omit_temperature": true}).as_object().unwrap().clone(),
        };
        let noon: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().unwrap();
        let mut known = CatalogCache::open(home.path(), day);
        assert_eq!(known.recall(noon), None);
        known.keep(std::slice::from_ref(&item), noon);
        let known = CatalogCache::open(home.path(), day);
        assert_eq!(known.recall(noon + TimeDelta::hours(24)), Some((noon, vec![item])));
        assert_eq!(known.recall(noon + TimeDelta::seconds(86_401)), None);
        std::fs::write(home.path().join(NAME), "{").unwrap();
        assert_eq!(CatalogCache::open(home.path(), day).recall(noon), None);
    }
}
