//! `llmbench models remove`: removes entries that never succeeded, such as a mistyped name. A model with
//! measurements is disabled instead.

use super::change::{ChangeSession, PlannedBatch, PlannedChange, count};
use super::switch::{ask_and_do, chosen};
use crate::cli::models::ModelsRemoveArgs;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::scope::read_error;
use crate::domain::ModelRef;
use crate::domain::change_batch::taken_away;
use crate::output::text::escape;
use crate::storage::Store;
use crate::storage::catalog::CatalogEntry;
use crate::storage::history::{HistoryFilter, RunSeries, newest_runs};

/// Runs `llmbench models remove` to its exit status.
///
/// # Errors
/// Selectors that match nothing, a model that has succeeded, nobody to ask, a store that fails.
pub async fn run(args: &ModelsRemoveArgs, context: &Context) -> Result<Exit, CommandError> {
    let store = context.open_store().await?;
    let selection = chosen(&args.selectors, store.as_ref()).await?;
    refuse_measured(&selection.entries, store.as_ref()).await?;
    let session = ChangeSession::new(store.as_ref(), context, args.consent)?;
    let changes = selection.entries.iter().map(|entry| PlannedChange::of(entry, taken_away(&entry.fields)));
    let changes = changes.collect();
    let intent = PlannedBatch { action: "remove", why: args.reason.clone(), undoes: None, changes };
    ask_and_do(&session, intent, true).await
}

/// Refuses all if one has succeeded: its rows, published or not, belong to an entry.
async fn refuse_measured(entries: &[CatalogEntry], store: &dyn Store) -> Result<(), CommandError> {
    let mut measured: Vec<&ModelRef> = Vec::new();
    for CatalogEntry { model, .. } in entries {
        let (provider, model_id) = (Some(model.provider.clone()), Some(model.model_id.clone()));
        let scope = HistoryFilter { provider, model: model_id, ..HistoryFilter::default() };
        let newest = newest_runs(store, &scope, &RunSeries::ALL, 1).await;
        let succeeded = !newest.map_err(|error| read_error("reading runs", error))?.is_empty();
        measured.extend(succeeded.then_some(model));
    }
    let Some(first) = measured.first() else { return Ok(()) };
    let first = escape(&first.to_string());
    let (who, has) = match measured.len() - 1 {
        0 => (format!("`{first}`"), "has"),
        others => (format!("`{first}` (and {} more)", count(others)), "have"),
    };
    Err(CommandError::usage(format!("{who} {has} successful runs in the store: nothing was removed"))
        .exit(Exit::No)
        .hint(format!("llmbench models disable {first} --reason TEXT stops measuring it, and its runs stay")))
}
