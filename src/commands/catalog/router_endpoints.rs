//! The endpoints of a router's measured models: read after its list, stored as rows of their own and as facts of the
//! listed models, so that `catalog diff` tells which came, went or changed their weights.

use crate::domain::listing::Listing;
use crate::domain::model::ROUTERS;
use crate::listings::reader::ListingReader;
use crate::providers::listing::listed_id;
use crate::providers::route::ProviderRoute;
use crate::storage::catalog::CatalogEntry;
use crate::storage::catalog::endpoint_lanes::pinned_endpoints;
use crate::storage::endpoints::rows_of;
use crate::storage::{Store, StoreError};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Requests for endpoints at once.
const AT_ONCE: usize = 4;

/// A measured model of a router, as the catalog has it.
#[derive(Debug, Clone, PartialEq)]
pub struct RoutedModel {
    /// The id under which it is listed.
    pub listed_id: String,
    /// The tags to which its measurements are pinned.
    pub pinned: Vec<String>,
}

/// The measured models of a provider; none if it is no router.
///
/// # Errors
/// The store's.
pub async fn measured(provider: &str, store: &dyn Store) -> Result<Vec<RoutedModel>, StoreError> {
    if !ROUTERS.contains(&provider) {
        return Ok(Vec::new());
    }
    let entries = store.entries(Some(provider)).await?;
    Ok(entries.iter().filter(|entry| entry.sound && entry.is_enabled()).map(routed).collect())
}

fn routed(entry: &CatalogEntry) -> RoutedModel {
    let metadata = entry.fields.get("metadata").and_then(Value::as_object);
    let endpoints = metadata.map(pinned_endpoints).unwrap_or_default();
    RoutedModel {
        listed_id: listed_id(&entry.model.provider, &entry.model.model_id).to_owned(),
        pinned: endpoints.into_iter().map(|endpoint| endpoint.tag).collect(),
    }
}

/// Reads the endpoints of the measured models into the list. Returns a sentence for each model whose endpoints could not
/// be read; what is known of those stays.
pub async fn read(
    listing: &mut Listing,
    measured: &[RoutedModel],
    reader: &ListingReader,
    route: &Arc<ProviderRoute>,
) -> Vec<String> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut reads = JoinSet::new();
    for (number, model) in listing.models.iter().enumerate() {
        if measured.iter().any(|wanted| wanted.listed_id == model.model_id) {
            let (reader, route, places) = (reader.clone(), Arc::clone(route), Arc::clone(&places));
            let id = model.model_id.clone();
            reads.spawn(async move {
                let _place = places.acquire_owned().await;
                (number, reader.endpoints(&route, &id).await)
            });
        }
    }
    let mut troubles = Vec::new();
    for (number, read) in reads.join_all().await {
        let Some(model) = listing.models.get_mut(number) else { continue };
        match read {
            Ok(endpoints) => model.take_endpoints(endpoints),
            Err(wrong) => {
                let reason = reader.redactor.redact(&wrong.reason);
                troubles.push(format!("the endpoints of {} could not be read: {reason}", model.model_id));
            }
        }
    }
    troubles.sort();
    troubles
}

/// Stores the endpoints that were read.
///
/// # Errors
/// The store's.
pub async fn keep(listing: &Listing, measured: &[RoutedModel], store: &dyn Store) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for model in &listing.models {
        let Some(endpoints) = &model.endpoints else { continue };
        let of_model = measured.iter().filter(|wanted| wanted.listed_id == model.model_id);
        let pinned: Vec<String> = of_model.flat_map(|wanted| wanted.pinned.iter().cloned()).collect();
        rows.extend(rows_of(&model.model_id, endpoints, &pinned, listing.finished_at));
    }
    if rows.is_empty() { Ok(()) } else { store.keep_endpoints(&rows).await }
}
