//! The endpoints of a router's measured models as stores keep them for operators and the dashboard: `bench_endpoints`,
//! one row for each model and tag. Direct providers have none, because readers would show them as never measured.

pub(super) mod mongo;
pub(super) mod sqlite;

use crate::domain::ModelRef;
use crate::domain::listing::{ListedEndpoint, listed_id};
use crate::domain::model::ROUTERS;
use crate::storage::catalog::CatalogEntry;
use crate::storage::catalog::endpoint_lanes::PinnedEndpoint;
use crate::storage::{Store, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

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

/// A model of a router, as the catalog has it.
#[derive(Debug, Clone, PartialEq)]
pub struct RoutedModel {
    /// The id under which it is listed.
    pub listed_id: String,
    /// True if it is enabled.
    pub measured: bool,
    /// The endpoints to which its measurements are pinned; none if it is not measured.
    pub pinned: Vec<PinnedEndpoint>,
}

impl From<&CatalogEntry> for RoutedModel {
    fn from(entry: &CatalogEntry) -> Self {
        let measured = entry.is_enabled();
        Self {
            measured,
            listed_id: listed_id(&entry.model.provider, &entry.model.model_id).to_owned(),
            pinned: if measured { entry.pinned_endpoints() } else { Vec::new() },
        }
    }
}

/// The catalog's models of a provider; none if it is no router.
///
/// # Errors
/// The store's.
pub async fn routed_models(provider: &str, store: &dyn Store) -> Result<Vec<RoutedModel>, StoreError> {
    if !ROUTERS.contains(&provider) {
        return Ok(Vec::new());
    }
    let entries = store.entries(Some(provider)).await?;
    Ok(entries.iter().filter(|entry| entry.sound).map(RoutedModel::from).collect())
}

/// Stores which endpoints of models that have just changed are measured from now on: those that nobody pins any more stop
/// being targets at once, and new ones are targets before their router's next list tells more of them.
///
/// # Errors
/// The store's.
pub async fn mark_measured(changed: &[ModelRef], store: &dyn Store) -> Result<(), StoreError> {
    for provider in ROUTERS {
        let changed = changed.iter().filter(|model| model.provider == provider);
        let ids: BTreeSet<&str> = changed.map(|model| listed_id(provider, &model.model_id)).collect();
        if !ids.is_empty() {
            let known = routed_models(provider, store).await?;
            keep_of(ids, &known, |_| &[], DateTime::UNIX_EPOCH, store).await?;
        }
    }
    Ok(())
}

/// Stores the endpoints of these models: those of `listed`, read at `at`, and those to which `known` entries pin.
///
/// # Errors
/// The store's.
pub async fn keep_of<'a>(
    ids: BTreeSet<&str>,
    known: &[RoutedModel],
    listed: impl Fn(&str) -> &'a [ListedEndpoint],
    at: DateTime<Utc>,
    store: &dyn Store,
) -> Result<(), StoreError> {
    let rows = |id: &&str| {
        // Ways of routing are entries of their own under one listed id.
        let entries = known.iter().filter(|model| model.listed_id == *id);
        let pinned: Vec<PinnedEndpoint> = entries.flat_map(|model| model.pinned.iter().cloned()).collect();
        rows_of(id, listed(id), &pinned, at)
    };
    let rows: Vec<EndpointRow> = ids.iter().flat_map(rows).collect();
    let models: Vec<String> = ids.into_iter().map(str::to_owned).collect();
    store.keep_endpoints(&models, &rows).await
}

/// The rows of one model after its endpoints were read at `at`: those that are listed, and pinned ones that are not.
/// `pinned` are the endpoints that the catalog pins.
fn rows_of(
    model_id: &str,
    listed: &[ListedEndpoint],
    pinned: &[PinnedEndpoint],
    at: DateTime<Utc>,
) -> Vec<EndpointRow> {
    let mut rows: BTreeMap<&str, EndpointRow> = BTreeMap::new();
    for endpoint in listed {
        let enabled = pinned.iter().any(|pin| pin.tag == endpoint.tag);
        let (listed, model_id) = (endpoint.clone(), model_id.to_owned());
        rows.insert(&endpoint.tag, EndpointRow { model_id, listed, enabled, last_seen_at: Some(at) });
    }
    for PinnedEndpoint { tag, quantization, provider_name } in pinned {
        rows.entry(tag).or_insert_with(|| {
            let by_tag = || tag.split('/').next().unwrap_or(tag).to_owned();
            let listed = ListedEndpoint {
                tag: tag.clone(),
                provider_name: provider_name.clone().unwrap_or_else(by_tag),
                quantization: quantization.clone(),
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
        let pinned =
            ["b/fp8", "gone"].map(|tag| PinnedEndpoint { tag: tag.to_owned(), ..PinnedEndpoint::default() });
        let rows = rows_of("a/m", &[listed("b/fp8"), listed("c")], &pinned, DateTime::UNIX_EPOCH);
        let told: Vec<(&str, bool, bool)> = rows
            .iter()
            .map(|row| (row.listed.tag.as_str(), row.enabled, row.last_seen_at.is_some()))
            .collect();
        assert_eq!(told, [("b/fp8", true, true), ("c", false, true), ("gone", true, false)]);
        assert_eq!(rows[0].provider_canonical(), "b");
    }
}
