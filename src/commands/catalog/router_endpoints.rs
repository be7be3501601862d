//! The endpoints of a router's measured models: read after its list, stored as rows of their own and as facts of the
//! listed models, so that `catalog diff` tells which came, went or changed their weights. An endpoint that was pinned
//! unseen gets the name of its provider from here, because answers are checked against it.

use crate::domain::listing::{Listing, listed_id};
use crate::listings::reader::ListingReader;
use crate::providers::route::ProviderRoute;
use crate::storage::catalog::endpoint_lanes::put_endpoints;
use crate::storage::catalog::{Batch, CatalogEntry, ChangeRequest};
use crate::storage::endpoints::{self, RoutedModel};
use crate::storage::{Store, StoreError};
use chrono::Utc;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Requests for endpoints at once.
const AT_ONCE: usize = 4;

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
    let ids: BTreeSet<&str> = known.iter().map(|model| model.listed_id.as_str()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let read = |id: &str| {
        let model = listing.models.iter().find(|model| model.model_id == id);
        model.and_then(|model| model.endpoints.as_deref()).unwrap_or_default()
    };
    endpoints::keep_of(ids, known, read, listing.finished_at, store).await?;
    name_pins(listing, store).await
}

/// The author of changes that follow from a list.
const WHO: &str = "catalog sync";

/// Gives pinned endpoints without one the name of their provider, as an audited batch. An entry that somebody changes
/// meanwhile is left to the next list.
async fn name_pins(listing: &Listing, store: &dyn Store) -> Result<(), StoreError> {
    let entries = store.entries(Some(&listing.provider)).await?;
    let named = |entry: &CatalogEntry| named(entry, listing).map(|set| (entry.clone(), set));
    let changes: Vec<(CatalogEntry, Map<String, Value>)> = entries.iter().filter_map(named).collect();
    if changes.is_empty() {
        return Ok(());
    }
    let batch = Batch {
        id: ulid::Ulid::generate().to_string(),
        at: Utc::now(),
        who: WHO.to_owned(),
        action: "set".to_owned(),
        why: Some("the names of the pinned endpoints' providers, as listed".to_owned()),
        planned: changes.len() as u64,
        undoes: None,
        undone_by: None,
        finished_at: None,
    };
    store.begin_batch(&batch).await?;
    for (entry, set) in changes {
        let expected = Some(entry.values(set.keys()));
        let (batch, model) = (batch.id.clone(), entry.model);
        store.change(&ChangeRequest { batch, model, expected, set }).await?;
    }
    store.finish_batch(&batch.id, Utc::now()).await
}

/// The metadata of an entry with the names that its pins lack; `None` if the list adds none.
fn named(entry: &CatalogEntry, listing: &Listing) -> Option<Map<String, Value>> {
    let mut pinned = if entry.sound { entry.pinned_endpoints() } else { Vec::new() };
    let id = listed_id(&entry.model.provider, &entry.model.model_id);
    let model = listing.models.iter().find(|model| model.model_id == id)?;
    let listed = model.endpoints.as_deref().unwrap_or_default();
    let mut is_changed = false;
    for endpoint in pinned.iter_mut().filter(|endpoint| endpoint.provider_name.is_none()) {
        let known = listed.iter().find(|known| known.tag == endpoint.tag);
        endpoint.provider_name = known.map(|known| known.provider_name.clone());
        is_changed |= known.is_some();
    }
    let mut metadata = entry.metadata()?;
    put_endpoints(&mut metadata, &pinned);
    is_changed.then(|| Map::from_iter([("metadata".to_owned(), Value::Object(metadata))]))
}
