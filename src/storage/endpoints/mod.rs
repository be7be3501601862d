//! The endpoints of a router's measured models as stores keep them for operators and the dashboard: `bench_endpoints`,
//! one row for each model and tag. Direct providers have none, because readers would show them as never measured.

pub(super) mod mongo;
pub(super) mod sqlite;

use crate::domain::listing::ListedEndpoint;
use crate::storage::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// An endpoint as it was last listed.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointRow {
    /// The router's id of the model, for example `qwen/qwen3-8b`.
    pub model_id: String,
    pub listed: ListedEndpoint,
    /// True if measurements are pinned to it: it is a lane.
    pub enabled: bool,
    /// The last time when the router listed it; `None` for a pinned endpoint that it never listed.
    pub last_seen_at: Option<DateTime<Utc>>,
}

impl EndpointRow {
    /// The provider behind the endpoint: the tag's first part, `deepinfra` of `deepinfra/fp4`.
    pub fn provider_canonical(&self) -> &str {
        self.listed.tag.split('/').next().unwrap_or(&self.listed.tag)
    }
}

/// The rows of one model after its endpoints were read: those that are listed, and pinned ones that are not. `pinned`
/// are the tags that the catalog pins.
pub fn rows_of(
    model_id: &str,
    listed: &[ListedEndpoint],
    pinned: &[String],
    at: DateTime<Utc>,
) -> Vec<EndpointRow> {
    let mut rows: BTreeMap<&str, EndpointRow> = BTreeMap::new();
    for endpoint in listed {
        let enabled = pinned.contains(&endpoint.tag);
        let (listed, model_id) = (endpoint.clone(), model_id.to_owned());
        rows.insert(&endpoint.tag, EndpointRow { model_id, listed, enabled, last_seen_at: Some(at) });
    }
    for tag in pinned {
        rows.entry(tag).or_insert_with(|| {
            let listed = ListedEndpoint {
                tag: tag.clone(),
                provider_name: tag.split('/').next().unwrap_or(tag).to_owned(),
                ..ListedEndpoint::default()
            };
            EndpointRow { model_id: model_id.to_owned(), listed, enabled: true, last_seen_at: None }
        });
    }
    rows.into_values().collect()
}

/// The stored endpoints.
#[async_trait]
pub trait EndpointStore: Send + Sync {
    /// Stores the endpoints of `models`, each in place of its previous state. A row without `last_seen_at` changes nothing
    /// of a stored one but `enabled`. A stored row of one of the models that is not among `rows` is no longer enabled.
    async fn keep_endpoints(&self, models: &[String], rows: &[EndpointRow]) -> Result<(), StoreError>;

    /// All endpoints, or those of one model, by model and tag.
    async fn endpoints(&self, model_id: Option<&str>) -> Result<Vec<EndpointRow>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pinned_is_a_target_whether_it_is_listed_or_not() {
        let listed = |tag: &str| ListedEndpoint { tag: tag.to_owned(), ..ListedEndpoint::default() };
        let pinned = ["b/fp8".to_owned(), "gone".to_owned()];
        let rows = rows_of("a/m", &[listed("b/fp8"), listed("c")], &pinned, DateTime::UNIX_EPOCH);
        let told: Vec<(&str, bool, bool)> = rows
            .iter()
            .map(|row| (row.listed.tag.as_str(), row.enabled, row.last_seen_at.is_some()))
            .collect();
        assert_eq!(told, [("b/fp8", true, true), ("c", false, true), ("gone", true, false)]);
        assert_eq!(rows[0].provider_canonical(), "b");
    }
}
