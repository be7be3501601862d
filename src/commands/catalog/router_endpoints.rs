//! The endpoints of a router's measured models: read after its list, stored as rows of their own and as facts of the
//! listed models, so that `catalog diff` tells which came, went or changed their weights.

use crate::domain::listing::Listing;
use crate::domain::model::ROUTERS;
use crate::listings::reader::ListingReader;
use crate::providers::listing::listed_id;
use crate::providers::route::ProviderRoute;
use crate::storage::catalog::CatalogEntry;
use crate::storage::endpoints::{EndpointRow, rows_of};
use crate::storage::{Store, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Requests for endpoints at once.
const AT_ONCE: usize = 4;

/// A model of a router, as the catalog has it.
#[derive(Debug, Clone, PartialEq)]
pub struct RoutedModel {
    /// The id under which it is listed.
    pub listed_id: String,
    /// True if it is enabled.
    pub measured: bool,
    /// The tags to which its measurements are pinned; none if it is not measured.
    pub pinned: Vec<String>,
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
    Ok(entries.iter().filter(|entry| entry.sound).map(routed).collect())
}

fn routed(entry: &CatalogEntry) -> RoutedModel {
    let measured = entry.is_enabled();
    let endpoints = if measured { entry.pinned_endpoints() } else { Vec::new() };
    RoutedModel {
        measured,
        listed_id: listed_id(&entry.model.provider, &entry.model.model_id).to_owned(),
        pinned: endpoints.into_iter().map(|endpoint| endpoint.tag).collect(),
    }
}

/// Reads the endpoints of the measured models into the list. Returns a sentence for each model whose endpoints could not
/// be read; what is known of those stays.
pub async fn read(
    listing: &mut Listing,
    known: &[RoutedModel],
    reader: &ListingReader,
    route: &Arc<ProviderRoute>,
) -> Vec<String> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut reads = JoinSet::new();
    for (number, model) in listing.models.iter().enumerate() {
        if known.iter().any(|known| known.measured && known.listed_id == model.model_id) {
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

/// Stores the endpoints that were read, and of every model of the catalog which endpoints are measured.
///
/// # Errors
/// The store's.
pub async fn keep(listing: &Listing, known: &[RoutedModel], store: &dyn Store) -> Result<(), StoreError> {
    let mut pinned: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for model in known {
        pinned.entry(&model.listed_id).or_default().extend(model.pinned.iter().cloned());
    }
    let read = |id: &str| {
        let model = listing.models.iter().find(|model| model.model_id == id);
        model.and_then(|model| model.endpoints.as_deref()).unwrap_or_default()
    };
    let rows = pinned.iter().flat_map(|(id, tags)| rows_of(id, read(id), tags, listing.finished_at));
    let rows: Vec<EndpointRow> = rows.collect();
    let models: Vec<String> = pinned.into_keys().map(str::to_owned).collect();
    if models.is_empty() { Ok(()) } else { store.keep_endpoints(&models, &rows).await }
}
