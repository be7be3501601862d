//! `llmbench models undo`: a batch of its own that gives the values back. A model that the batch added is disabled, one that
//! it removed comes back as it was.

use super::change::{Desk, Intent, Planned, count};
use crate::cli::models::UndoArgs;
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::domain::batch::takes_away;
use crate::output::print;
use crate::storage::catalogue::{Became, Change, ChangesOf};
use crate::storage::switched::{Off, off};

/// Runs the command.
///
/// # Errors
/// A batch that is not there, nobody to ask, a store that fails.
pub async fn run(args: &UndoArgs, context: &Context) -> Result<Exit, CommandError> {
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
    let desk = Desk::new(store.as_ref(), context, args.consent)?;
    let done = changes.into_iter().filter(|change| change.became == Became::Done);
    let changes: Vec<Planned> = done.map(|change| back(change, &desk.who)).collect();
    if changes.is_empty() {
        return Err(
            CommandError::usage(format!("batch {id} changed nothing that could be undone")).exit(Exit::No)
        );
    }
    let heading = format!("undo batch {id} ({}) on {}", batch.action, count(changes.len()));
    let must_ask = changes.len() > 1;
    let intent = Intent { action: "undo", why: args.reason.clone(), undoes: Some(id), changes };
    if !desk.agreed(&heading, &intent.lines(), must_ask).await? {
        return Ok(Exit::Yes);
    }
    desk.carry_out(intent).await
}

/// The change that takes a change back. It expects what the change left: no entry, where the change took it away.
fn back(change: Change, who: &str) -> Planned {
    let reason = format!("added by batch {}, which was undone", change.batch);
    let added = Off { reason: &reason, class: "undone", who, until: None, recheck_at: None };
    let set = change.before.unwrap_or_else(|| off(&added));
    let left = (!takes_away(&change.after)).then_some(change.after);
    Planned { model: change.model, before: left, set }
}

fn say_unknown(changes: &[Change]) {
    for change in changes.iter().filter(|change| change.became == Became::Unknown) {
        let model = &change.model;
        print::note(&format!(
            "{model} was interrupted and has been changed by others since: it is left as it is"
        ));
    }
}
