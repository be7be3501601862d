//! Providers' lists as stores keep them: `provider_catalog` and `bench_discovery_runs` of the data
//! contract. `catalog` compares them.

pub(super) mod mongo;
pub(super) mod sqlite;

use crate::domain::listing::{
    CatalogRow, FactChange, ListedModel, Listing, ListingChangeCounts, MeasuredModel, ModelFacts, ReadRow,
};
use crate::storage::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// Stored lists of providers.
#[async_trait]
pub trait ListingStore: Send + Sync {
    /// Stores a read: its models first, each with the time of its first and of this listing, and then the read itself,
    /// so that no read looks complete before its models are stored.
    async fn keep_listing(&self, listing: &Listing) -> Result<ListingChangeCounts, StoreError>;

    /// Every model that was ever listed, of one provider or of all, sorted by provider and id.
    async fn listed(&self, provider: Option<&str>) -> Result<Vec<CatalogRow>, StoreError>;

    /// Every read, of one provider or of all, oldest first.
    async fn list_reads(&self, provider: Option<&str>) -> Result<Vec<ReadRow>, StoreError>;

    /// Every model of the catalog of measured models, enabled or not, sorted by provider and id.
    async fn measured_models(&self) -> Result<Vec<MeasuredModel>, StoreError>;
}

/// The version of the format of a read's row, as the Python runner counts it.
pub const SOURCE_VERSION: i32 = 1;

/// Most changes that a model keeps.
const CHANGES: usize = 50;

/// The stored state of a model before a read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListedModelHistory {
    /// Facts that its provider stated; `None` if another program wrote the row.
    pub facts: Option<ModelFacts>,
    /// The changes so far.
    pub changes: Vec<FactChange>,
}

/// A model's changes after a read, and true if the read added one.
pub fn changes_after(
    before: Option<&ListedModelHistory>,
    model: &ListedModel,
    at: DateTime<Utc>,
) -> (Vec<FactChange>, bool) {
    let Some(before) = before else { return (Vec::new(), false) };
    let now = before.facts.as_ref().map(|facts| facts.changes(&model.facts, at)).unwrap_or_default();
    let changed = !now.is_empty();
    let mut all: Vec<FactChange> = before.changes.iter().cloned().chain(now).collect();
    all.drain(..all.len().saturating_sub(CHANGES));
    (all, changed)
}

/// The facts to store of a model after a read. Endpoints and quantization come from requests beside the list, which may
/// fail: what was not read now stays as it was.
pub fn facts_after(before: Option<&ListedModelHistory>, model: &ListedModel) -> ModelFacts {
    let before = before.and_then(|before| before.facts.clone()).unwrap_or_default();
    ModelFacts {
        endpoints: model.facts.endpoints.clone().or(before.endpoints),
        quantization: model.facts.quantization.clone().or(before.quantization),
        ..model.facts.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn changes_are_remembered_and_bounded() {
        let model = |context| ListedModel {
            model_id: "m".to_owned(),
            name: "M".to_owned(),
            facts: ModelFacts { context_length: Some(context), ..ModelFacts::default() },
            raw: Value::Null,
            endpoints: None,
        };
        let at = DateTime::UNIX_EPOCH;
        assert_eq!(changes_after(None, &model(1), at), (Vec::new(), false));
        assert_eq!(changes_after(Some(&ListedModelHistory::default()), &model(1), at), (Vec::new(), false));
        let mut before = ListedModelHistory { facts: Some(model(0).facts), changes: Vec::new() };
        for context in 1..=60 {
            let (changes, changed) = changes_after(Some(&before), &model(context), at);
            assert!(changed);
            before = ListedModelHistory { facts: Some(model(context).facts), changes };
        }
        assert_eq!((before.changes.len(), &before.changes[49].to), (50, &Value::from(60)));
        assert_eq!(changes_after(Some(&before), &model(60), at), (before.changes.clone(), false));
    }
}
