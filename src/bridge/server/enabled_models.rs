//! The enabled models, at most a few seconds old: read once for all requests, and not again
//! immediately after a failure.

use crate::domain::ModelRef;
use crate::storage::{Store, StoreError, WorkItem};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Maximum age of the set.
const FRESH: Duration = Duration::from_secs(3);
/// Time for which a failure is returned to further requests.
const FAILED: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct WorkSet {
    items: Vec<WorkItem>,
    enabled: HashSet<ModelRef>,
}

impl WorkSet {
    pub fn new(items: Vec<WorkItem>) -> Self {
        Self { enabled: items.iter().map(|item| item.model.clone()).collect(), items }
    }

    /// True if a model is measured. Ids are case-sensitive, as in the Python scheduler.
    pub fn has(&self, provider: &str, model_id: &str) -> bool {
        self.enabled.contains(&ModelRef::new(provider, model_id))
    }

    /// A provider's models, sorted by display name and then by id.
    pub fn of(&self, provider: &str) -> Vec<&WorkItem> {
        let mut items: Vec<_> = self.items.iter().filter(|item| item.model.provider == provider).collect();
        items.sort_by_key(|item| (item.display_name.as_str(), item.model.model_id.as_str()));
        items
    }
}

/// The time and the result of reading the catalog.
type CachedWorkSet = (Instant, Result<Arc<WorkSet>, String>);

pub struct WorkSetCache {
    store: Arc<dyn Store>,
    read: Mutex<Option<CachedWorkSet>>,
}

impl WorkSetCache {
    /// Creates a cache that has read nothing yet.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, read: Mutex::default() }
    }

    /// The set, read again if it is older than three seconds. Concurrent callers wait for the same read.
    ///
    /// # Errors
    /// Those of the store; [`StoreError::Unavailable`] within a second of a failure.
    pub async fn current(&self) -> Result<Arc<WorkSet>, StoreError> {
        let mut read = self.read.lock().await;
        match &*read {
            Some((at, Ok(set))) if at.elapsed() < FRESH => return Ok(set.clone()),
            Some((at, Err(why))) if at.elapsed() < FAILED => {
                return Err(StoreError::Unavailable(why.clone()));
            }
            _ => {}
        }
        // A task of its own, so that a caller that gives up does not drop the driver's call half-way.
        let store = self.store.clone();
        let asked = tokio::spawn(async move { store.work_list(None).await }).await;
        let asked = asked.unwrap_or_else(|_| Err(StoreError::Broken("reading the catalog ended".into())));
        let now = Instant::now();
        match asked {
            Ok(items) => {
                let set = Arc::new(WorkSet::new(items));
                *read = Some((now, Ok(set.clone())));
                Ok(set)
            }
            Err(error) => {
                *read = Some((now, Err(error.to_string())));
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    #[test]
    fn models_are_compared_exactly_and_sorted_for_people() {
        let item = |id: &str, name: &str| WorkItem {
            model: ModelRef::new("bedrock", id),
            display_name: name.to_owned(),
            metadata: Map::new(),
        };
        let set = WorkSet::new(vec![item("b", "Zeta"), item("c", "Alpha"), item("a", "Zeta")]);
        assert!(set.has("bedrock", "a") && !set.has("bedrock", "A") && !set.has("groq", "a"));
        let ids: Vec<_> = set.of("bedrock").iter().map(|item| item.model.model_id.as_str()).collect();
        assert_eq!(ids, ["c", "a", "b"]);
        assert!(set.of("groq").is_empty());
    }
}
