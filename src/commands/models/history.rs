//! `llmbench models history`: shows batches newest first, or the changes of some models, or one batch with every value.

use super::select::select;
use crate::cli::models::ModelsHistoryArgs;
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::list_limit::ListLimit;
use crate::commands::stdout;
use crate::domain::ModelRef;
use crate::output::catalog_changes::{self, BatchView, ChangeView};
use crate::storage::Store;
use crate::storage::catalog::{Batch, CatalogChange, CatalogEntry, ChangesOf};
use std::collections::BTreeMap;

/// Default number of batches at a terminal.
const SCREENFUL: u32 = 20;

/// Runs `llmbench models history` to its exit status.
///
/// # Errors
/// Selectors that match nothing, a batch that does not exist, a store that fails.
pub async fn run(args: &ModelsHistoryArgs, context: &Context) -> Result<Exit, CommandError> {
    let store = context.open_store().await?;
    let length = ListLimit::new(args.limit, SCREENFUL, args.json, &context.terminal);
    let (found, cut) = match &args.batch {
        Some(id) => (vec![one(id, store.as_ref()).await?], false),
        None if args.selectors.is_empty() => newest(length, store.as_ref()).await?,
        None => of_models(&args.selectors, length, store.as_ref()).await?,
    };
    let text = if args.json {
        catalog_changes::json(&found)
    } else {
        let whole = args.batch.is_some() || !args.selectors.is_empty();
        catalog_changes::text(&found, whole, &context.view(whole))
    };
    stdout::text(&text)?;
    if found.is_empty() {
        context.note(false, "nothing was changed yet");
    }
    if cut {
        length.say_cut("name models, or a --batch");
    }
    Ok(Exit::Yes)
}

async fn one(id: &str, store: &dyn Store) -> Result<BatchView, CommandError> {
    let id = id.trim().to_uppercase();
    let batch = store.batch(&id).await.map_err(read)?.ok_or_else(|| {
        CommandError::usage(format!("there is no batch `{}`", id.escape_debug()))
            .exit(Exit::No)
            .hint("`llmbench models history` shows the batches")
    })?;
    with_changes(batch, store).await
}

/// The newest batches, and true if there are more.
async fn newest(length: ListLimit, store: &dyn Store) -> Result<(Vec<BatchView>, bool), CommandError> {
    let mut batches = store.batches(length.wanted()).await.map_err(read)?;
    let cut = length.cut(&mut batches);
    let mut found = Vec::new();
    for batch in batches {
        found.push(with_changes(batch, store).await?);
    }
    Ok((found, cut))
}

async fn with_changes(batch: Batch, store: &dyn Store) -> Result<BatchView, CommandError> {
    let changes = store.changes(&ChangesOf::Batch(batch.id.clone())).await.map_err(read)?;
    let changes = changes.iter().map(|change| change_view(change, Some(&batch))).collect();
    Ok(BatchView { batch, changes })
}

/// The batches that changed these models, with their part of each, newest first; and true if there are more.
async fn of_models(
    selectors: &[String],
    length: ListLimit,
    store: &dyn Store,
) -> Result<(Vec<BatchView>, bool), CommandError> {
    let entries = store.entries(None).await.map_err(|error| store_error("reading the catalog", error))?;
    let (mut changes, mut cut): (Vec<CatalogChange>, bool) = (Vec::new(), false);
    let mut left = Vec::new();
    for selector in selectors {
        let mut removed = removed(selector, &entries, length, store).await?;
        left.extend(removed.is_empty().then(|| selector.clone()));
        cut |= length.cut(&mut removed);
        changes.extend(removed);
    }
    for entry in select(&left, entries)?.entries {
        let of = ChangesOf::Model(entry.model, length.wanted());
        let mut own = store.changes(&of).await.map_err(read)?;
        cut |= length.cut(&mut own);
        changes.extend(own);
    }
    let batches = batches_of(&changes, store).await?;
    let views = batches.into_values().rev().map(|batch| {
        let own = changes.iter().filter(|change| change.batch == batch.id);
        let changes = own.map(|change| change_view(change, Some(&batch))).collect();
        BatchView { batch, changes }
    });
    Ok((views.collect(), cut))
}

/// The changes of a model that is named exactly and is no longer in the catalog.
async fn removed(
    selector: &str,
    entries: &[CatalogEntry],
    length: ListLimit,
    store: &dyn Store,
) -> Result<Vec<CatalogChange>, CommandError> {
    match selector.trim().parse::<ModelRef>() {
        Ok(model) if entries.iter().all(|entry| entry.model != model) => {
            store.changes(&ChangesOf::Model(model, length.wanted())).await.map_err(read)
        }
        _ => Ok(Vec::new()),
    }
}

/// The batches of these changes, by id, which sorts by time.
pub async fn batches_of(
    changes: &[CatalogChange],
    store: &dyn Store,
) -> Result<BTreeMap<String, Batch>, CommandError> {
    let mut batches = BTreeMap::new();
    for change in changes {
        if !batches.contains_key(&change.batch)
            && let Some(batch) = store.batch(&change.batch).await.map_err(read)?
        {
            batches.insert(change.batch.clone(), batch);
        }
    }
    Ok(batches)
}

/// A change in the form for display.
pub fn change_view(change: &CatalogChange, batch: Option<&Batch>) -> ChangeView {
    ChangeView {
        batch: change.batch.clone(),
        action: batch.map(|batch| batch.action.clone()),
        who: batch.map(|batch| batch.who.clone()),
        why: batch.and_then(|batch| batch.why.clone()),
        provider: change.model.provider.clone(),
        model: change.model.model_id.clone(),
        at: change.at,
        before: change.before.clone(),
        after: change.after.clone(),
        became: change.became.as_str().to_owned(),
    }
}

fn read(error: crate::storage::StoreError) -> CommandError {
    store_error("reading the history", error)
}
