//! `llmbench models disable` and `enable`: which values change, and who is left out because there is nothing to change.

use super::add::{say_answer, say_failure};
use super::candidates::Candidate;
use super::change::{Desk, Intent, Planned, count};
use super::probe::{Probed, probe};
use super::select::{Selection, select};
use crate::cli::models::{DisableArgs, EnableArgs};
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::domain::ModelRef;
use crate::output::print;
use crate::storage::Store;
use crate::storage::catalogue::Entry;
use crate::storage::switched::{Off, off, on};
use chrono::Utc;
use serde_json::Value;
use std::collections::HashSet;

/// Runs `disable`.
///
/// # Errors
/// Selectors that match nothing, a date that has passed, nobody to ask, a store that fails.
pub async fn disable(args: &DisableArgs, context: &Context) -> Result<Exit, CommandError> {
    if args.until.is_some_and(|until| until <= Utc::now()) {
        return Err(
            CommandError::usage("--until has passed already").hint("name a day in the future, or none")
        );
    }
    let store = context.open_store().await?;
    let selection = chosen(&args.selectors, store.as_ref()).await?;
    let desk = Desk::new(store.as_ref(), context, args.consent)?;
    let set = off(&Off {
        reason: &args.reason,
        class: &args.class,
        who: &desk.who,
        until: args.until,
        recheck_at: None,
    });
    let is_off = |entry: &Entry| entry.fields.get("enabled") == Some(&Value::Bool(false));
    let (already, entries): (Vec<Entry>, Vec<Entry>) = selection.entries.into_iter().partition(is_off);
    say_already(&already, "disabled");
    let changes: Vec<Planned> = entries.iter().map(|entry| Planned::of(entry, set.clone())).collect();
    let why = Some(format!("{} ({})", args.reason, args.class));
    let intent = Intent { action: "disable", why, undoes: None, changes };
    ask_and_do(&desk, intent, selection.must_ask).await
}

/// Runs `enable`.
///
/// # Errors
/// As [`disable`].
pub async fn enable(args: &EnableArgs, context: &Context) -> Result<Exit, CommandError> {
    let store = context.open_store().await?;
    let selection = chosen(&args.selectors, store.as_ref()).await?;
    let desk = Desk::new(store.as_ref(), context, args.consent)?;
    let (already, entries): (Vec<Entry>, Vec<Entry>) =
        selection.entries.into_iter().partition(Entry::is_enabled);
    say_already(&already, "enabled");
    let changes: Vec<Planned> = entries.iter().map(|entry| Planned::of(entry, on(Some(entry)))).collect();
    let mut intent = Intent { action: "enable", why: args.reason.clone(), undoes: None, changes };
    if intent.changes.is_empty() || args.no_probe {
        return ask_and_do(&desk, intent, selection.must_ask).await;
    }
    let heading = format!("enable {}, after one real call each", count(entries.len()));
    if !desk.agreed(&heading, &intent.lines(), selection.must_ask).await? {
        return Ok(Exit::Yes);
    }
    let answered = answered(&entries, context, &desk).await?;
    let all = intent.changes.len();
    intent.changes.retain(|planned| answered.contains(&planned.model));
    let interrupted = desk.interrupt.stop.is_cancelled();
    let silent = intent.changes.len() < all;
    let ended = if intent.changes.is_empty() {
        print::note("nothing was changed");
        Exit::Yes
    } else {
        // Calls that ended are paid for: what they said counts, interrupted or not.
        let desk = Desk { interrupt: Interrupt::default(), who: desk.who.clone(), ..desk };
        desk.carry_out(intent).await?
    };
    Ok(match ended {
        _ if interrupted => Exit::Interrupted,
        Exit::Yes if silent => Exit::No,
        other => other,
    })
}

/// Calls every model once, says what came of it, and gives those that answered. The others stay as they are.
async fn answered(
    entries: &[Entry],
    context: &Context,
    desk: &Desk<'_>,
) -> Result<HashSet<ModelRef>, CommandError> {
    let candidate = |entry: &Entry| Candidate {
        metadata: entry.fields.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default(),
        ..Candidate::new(entry.model.clone())
    };
    let candidates: Vec<Candidate> = entries.iter().map(candidate).collect();
    let probed = probe(&candidates, context, desk.store, &desk.interrupt.stop).await?;
    let mut answered = HashSet::new();
    for Probed { model, answer } in probed {
        match answer {
            Ok(answer) => {
                say_answer(&model, answer, context);
                answered.insert(model);
            }
            Err(failure) => {
                say_failure(&model, &failure);
                print::note(&format!("{model} stays as it is; --no-probe enables it all the same"));
            }
        }
    }
    Ok(answered)
}

/// The entries that selectors mean.
///
/// # Errors
/// Selectors that match nothing, a store that fails.
pub async fn chosen(selectors: &[String], store: &dyn Store) -> Result<Selection, CommandError> {
    let entries = store.entries(None).await.map_err(|error| store_error("reading the catalogue", error))?;
    select(selectors, entries)
}

/// Makes the changes, if there are any and they are agreed to.
///
/// # Errors
/// Nobody to ask, a store that fails.
pub async fn ask_and_do(desk: &Desk<'_>, intent: Intent, must_ask: bool) -> Result<Exit, CommandError> {
    if intent.changes.is_empty() {
        print::note("nothing to change");
        return Ok(Exit::Yes);
    }
    let heading = format!("{} {}", intent.action, count(intent.changes.len()));
    if !desk.agreed(&heading, &intent.lines(), must_ask).await? {
        return Ok(Exit::Yes);
    }
    desk.carry_out(intent).await
}

fn say_already(already: &[Entry], state: &str) {
    match already {
        [] => {}
        [Entry { model: ModelRef { provider, model_id }, .. }] => {
            print::note(&format!("{provider}:{model_id} is {state} already and stays as it is"));
        }
        several => {
            print::note(&format!("{} models are {state} already and stay as they are", several.len()));
        }
    }
}
