//! `llmbench models show`: shows every field of the entry, the figures of its last day, and its newest changes.

use super::history::{batches_of, change_view};
use super::identity;
use super::list::row;
use super::ranking::rankings;
use super::select::select;
use crate::cli::models::ModelsShowArgs;
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::stdout;
use crate::measure::ranking::CONFIDENCE;
use crate::measure::student_t::TQuantiles;
use crate::output::models::{self, ModelDetails};
use crate::storage::Store;
use crate::storage::catalog::{CatalogEntry, ChangesOf, ModelScope};
use chrono::Utc;

/// Newest changes that are shown.
const CHANGES: u32 = 10;

/// Runs `llmbench models show` to its exit status.
///
/// # Errors
/// Selectors that match nothing, a store that fails.
pub async fn run(args: &ModelsShowArgs, context: &Context) -> Result<Exit, CommandError> {
    let store = context.open_store().await?;
    let entries = store.entries(None).await.map_err(|error| store_error("reading the catalog", error))?;
    let selection = select(&args.selectors, entries)?;
    let now = Utc::now();
    let mut stories = Vec::new();
    for entry in &selection.entries {
        stories.push(details(entry, store.as_ref(), now).await?);
    }
    let text = if args.json {
        models::stories_json(&stories, now)
    } else {
        models::stories(&stories, now, &context.view(true))
    };
    stdout::text(&text)?;
    Ok(Exit::Yes)
}

async fn details(
    entry: &CatalogEntry,
    store: &dyn Store,
    now: chrono::DateTime<Utc>,
) -> Result<ModelDetails, CommandError> {
    let read = |error| store_error("reading the catalog", error);
    let scope = ModelScope::Model(entry.model.clone());
    let figures = store.figures(&scope, now).await.map_err(read)?.remove(&entry.model).unwrap_or_default();
    let changes = store.changes(&ChangesOf::Model(entry.model.clone(), CHANGES)).await.map_err(read)?;
    let batches = batches_of(&changes, store).await?;
    let changes = changes.iter().map(|change| change_view(change, batches.get(&change.batch))).collect();
    let identity = identity::present(store, &entry.model).await.map_err(read)?;
    let identity = identity.map(|identity| (identity.canonical_key, identity.effective_from));
    let rankings = rankings(store, entry, now).await.map_err(read)?;
    let mut quantiles = TQuantiles::two_sided(CONFIDENCE);
    let (row, entry) = (row(entry, &figures, now, Some(&mut quantiles)), entry.fields.clone());
    Ok(ModelDetails { row, entry, identity, rankings, changes })
}
