//! What the last stored lists of providers state about models.

use crate::commands::context::store_error;
use crate::commands::exit::CommandError;
use crate::domain::ModelRef;
use crate::domain::listing::ModelFacts;
use crate::storage::Store;
use std::collections::{BTreeSet, HashMap};

/// The facts of every model that the providers of `models` list; each list is read once.
///
/// # Errors
/// The store's.
pub async fn listed_facts<'a>(
    models: impl Iterator<Item = &'a ModelRef>,
    store: &dyn Store,
) -> Result<HashMap<ModelRef, ModelFacts>, CommandError> {
    let providers: BTreeSet<&str> = models.map(|model| model.provider.as_str()).collect();
    let mut facts = HashMap::new();
    for provider in providers {
        let rows = store.listed(Some(provider)).await;
        let rows = rows.map_err(|error| store_error("reading the lists", error))?;
        facts.extend(rows.into_iter().map(|row| (ModelRef::new(row.provider, row.model_id), row.facts)));
    }
    Ok(facts)
}
