//! The catalogue as it was last read, in a file beside the outbox: what a daemon measures that starts while its store is
//! away. The file is the one in which a runner keeps the lists of its bridge.

use crate::bridge::client::work_list_cache::WorkListCache;
use crate::domain::ModelRef;
use crate::storage::WorkItem;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;
use tracing::warn;

/// The file in the state directory.
const NAME: &str = "catalogue.json";

/// Under which name the file keeps the catalogue.
const ALL: &str = "catalogue";

/// The catalogue that was read last.
#[derive(Debug)]
pub struct CatalogCache {
    kept: WorkListCache,
    longest: TimeDelta,
    unkept: bool,
}

/// A model as the file has it.
#[derive(Serialize, Deserialize)]
struct SavedModel {
    provider: String,
    model_id: String,
    display_name: String,
    metadata: Map<String, Value>,
}

impl CatalogCache {
    /// What is known in this state directory. It counts for `longest` after it was read.
    pub fn open(state_dir: &Path, longest: Duration) -> Self {
        let longest = TimeDelta::from_std(longest).unwrap_or(TimeDelta::MAX);
        Self { kept: WorkListCache::open(state_dir.join(NAME)), longest, unkept: false }
    }

    /// Keeps the enabled models as they were read at `now`. That it could not is told once.
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
                "the catalogue cannot be kept, so a start without the store would measure an older one: {error}"
            );
        }
    }

    /// What was read last, and when; `None` where that is too old, or nothing is known.
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
    fn a_catalogue_comes_back_as_it_was_and_counts_for_its_time() {
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
