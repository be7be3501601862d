//! `llmbench models undo`: restores the values before a batch, in a batch of its own. A model that the batch added is
//! disabled, a removed one comes back as it was.

use super::change::{ChangeSession, PlannedBatch, PlannedChange, count};
use crate::cli::models::ModelsUndoArgs;
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::domain::change_batch::takes_away;
use crate::output::print;
use crate::storage::catalog::enabled_fields::{DisableDetails, off};
use crate::storage::catalog::{CatalogChange, ChangeStatus, ChangesOf};

/// Runs `llmbench models undo` to its exit status.
///
/// # Errors
/// A batch that does not exist, nobody to ask, a store that fails.
pub async fn run(args: &ModelsUndoArgs, context: &Context) -> Result<Exit, CommandError> {
    let store = context.open_store().await?;
    let read = |error| store_error("reading the history", error);
    let id = args.batch.trim().to_uppercase();
    let Some(batch) = store.batch(&id).await.map_err(read)? else {
        let missing = format!("there is no batch `{}`", args.batch.escape_debug());
        return Err(CommandError::usage(missing)
            .exit(Exit::No)
            .hint("`llmbench models history` shows the batches"));
    };
    if let Some(by) = &batch.undone_by {
        print::note(&format!("batch {id} was undone before, by batch {by}"));
    }
    let changes = store.changes(&ChangesOf::Batch(id.clone())).await.map_err(read)?;
    say_unknown(&changes);
    let session = ChangeSession::new(store.as_ref(), context, args.consent)?;
    let done = changes.into_iter().filter(|change| change.became == ChangeStatus::Done);
    let changes: Vec<PlannedChange> = done.map(|change| back(change, &session.who)).collect();
    if changes.is_empty() {
        return Err(
            CommandError::usage(format!("batch {id} changed nothing that could be undone")).exit(Exit::No)
        );
    }
    let heading = format!("undo batch {id} ({}) on {}", batch.action, count(changes.len()));
    let must_ask = changes.len() > 1;
    let intent = PlannedBatch { action: "undo", why: args.reason.clone(), undoes: Some(id), changes };
    if !session.agreed(&heading, &intent.lines(), must_ask).await? {
        return Ok(Exit::Yes);
    }
    session.carry_out(intent).await
}

/// The change that reverses a change. It expects the values that the change left: no entry after a removal.
fn back(change: CatalogChange, who: &str) -> PlannedChange {
    let reason = format!("added by batch {}, which was undone", change.batch);
    let added = DisableDetails { reason: &reason, class: "undone", who, until: None, recheck_at: None };
    let set = change.before.unwrap_or_else(|| off(&added));
    let left = (!takes_away(&change.after)).then_some(change.after);
    PlannedChange { model: change.model, before: left, set }
}

fn say_unknown(changes: &[CatalogChange]) {
    for change in changes.iter().filter(|change| change.became == ChangeStatus::Unknown) {
        let model = &change.model;
        print::note(&format!(
            "{model} was interrupted and has been changed by others since: it is left as it is"
        ));
    }
}
