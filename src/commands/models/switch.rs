//! `llmbench models disable` and `enable`: the changed values, without the models that need no change.

use super::add::{say_answer, say_failure};
use super::candidates::ModelCandidate;
use super::change::{ChangeSession, PlannedBatch, PlannedChange, count};
use super::pins;
use super::probe::{ProbeResult, probe};
use super::select::{Selection, select};
use crate::cli::models::{ModelsDisableArgs, ModelsEnableArgs};
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::domain::ModelRef;
use crate::output::print;
use crate::output::text::escape;
use crate::storage::Store;
use crate::storage::catalog::CatalogEntry;
use crate::storage::catalog::enabled_fields::{DisableDetails, off, on};
use chrono::Utc;
use serde_json::Value;
use std::collections::BTreeSet;

/// Runs `llmbench models disable` to its exit status.
///
/// # Errors
/// Selectors that match nothing, a date that has passed, nobody to ask, a store that fails.
pub async fn disable(args: &ModelsDisableArgs, context: &Context) -> Result<Exit, CommandError> {
    if args.until.is_some_and(|until| until <= Utc::now()) {
        return Err(
            CommandError::usage("--until has passed already").hint("name a day in the future, or none")
        );
    }
    let store = context.open_store().await?;
    let selection = chosen(&args.selectors, store.as_ref()).await?;
    refuse_single_endpoints(&args.selectors, &selection.entries)?;
    let session = ChangeSession::new(store.as_ref(), context, args.consent)?;
    let set = off(&DisableDetails {
        reason: &args.reason,
        class: &args.class,
        who: &session.who,
        until: args.until,
        recheck_at: None,
    });
    let is_off = |entry: &CatalogEntry| entry.fields.get("enabled") == Some(&Value::Bool(false));
    let (already, entries): (Vec<CatalogEntry>, Vec<CatalogEntry>) =
        selection.entries.into_iter().partition(is_off);
    say_already(&already, "disabled");
    let changes: Vec<PlannedChange> =
        entries.iter().map(|entry| PlannedChange::of(entry, set.clone())).collect();
    let why = Some(format!("{} ({})", args.reason, args.class));
    let intent = PlannedBatch { action: "disable", why, undoes: None, changes };
    ask_and_do(&session, intent, selection.must_ask).await
}

/// Refuses a selector that names an endpoint, unless the model is measured there and nowhere else: the catalog has one
/// entry for a model, which is disabled as a whole.
fn refuse_single_endpoints(selectors: &[String], entries: &[CatalogEntry]) -> Result<(), CommandError> {
    for selector in selectors {
        let Ok(named) = selector.trim().parse::<ModelRef>() else { continue };
        let (Some(tag), whole) = (named.endpoint_tag(), named.unpinned()) else { continue };
        let entry = entries.iter().find(|entry| entry.model == whole);
        let pinned = entry.map(CatalogEntry::pinned_endpoints).unwrap_or_default();
        let (shown, whole, tag) = (escape(selector), escape(&whole.to_string()), escape(tag));
        let all = format!("llmbench models disable {whole} --reason TEXT stops all of its measurements");
        let tags: Vec<String> = pinned.iter().map(|endpoint| escape(&endpoint.tag)).collect();
        let refusal = if !tags.contains(&tag) {
            let there = if tags.is_empty() { "none".to_owned() } else { tags.join(", ") };
            CommandError::usage(format!(
                "`{shown}` is no endpoint that is measured: {whole} is pinned to {there}"
            ))
            .hint(all)
        } else if tags.len() > 1 {
            CommandError::usage(format!(
                "`{shown}` is one of {} measured endpoints of a model, and a model is disabled as a whole",
                tags.len()
            ))
            .hint(format!("llmbench models set {whole} --unpin {tag} stops that endpoint; {all}"))
        } else {
            continue;
        };
        return Err(refusal);
    }
    Ok(())
}

/// Runs `llmbench models enable` to its exit status.
///
/// # Errors
/// As in [`disable`].
pub async fn enable(args: &ModelsEnableArgs, context: &Context) -> Result<Exit, CommandError> {
    let store = context.open_store().await?;
    let selection = chosen(&args.selectors, store.as_ref()).await?;
    refuse_unpinned(&args.selectors, &selection.entries)?;
    let session = ChangeSession::new(store.as_ref(), context, args.consent)?;
    let (already, entries): (Vec<CatalogEntry>, Vec<CatalogEntry>) =
        selection.entries.into_iter().partition(CatalogEntry::is_enabled);
    say_already(&already, "enabled");
    let changes: Vec<PlannedChange> =
        entries.iter().map(|entry| PlannedChange::of(entry, on(Some(entry)))).collect();
    let mut intent = PlannedBatch { action: "enable", why: args.reason.clone(), undoes: None, changes };
    if intent.changes.is_empty() || args.no_probe {
        return ask_and_do(&session, intent, selection.must_ask).await;
    }
    let heading = format!("enable {}, after one real call each", count(entries.len()));
    if !session.agreed(&heading, &intent.lines(), selection.must_ask).await? {
        return Ok(Exit::Yes);
    }
    let answered = answered(&entries, context, &session).await?;
    let all = intent.changes.len();
    intent.changes.retain(|planned| answered.contains(&planned.model));
    let interrupted = session.interrupt.stop.is_cancelled();
    let silent = intent.changes.len() < all;
    let ended = if intent.changes.is_empty() {
        print::note("nothing was changed");
        Exit::Yes
    } else {
        // Calls that ended are paid for: their results count, interrupted or not.
        let session = ChangeSession { interrupt: Interrupt::default(), who: session.who.clone(), ..session };
        session.carry_out(intent).await?
    };
    Ok(match ended {
        _ if interrupted => Exit::Interrupted,
        Exit::Yes if silent => Exit::No,
        other => other,
    })
}

/// Refuses a selector that names an endpoint to which its model is not pinned: what would be enabled, or is, is the model,
/// and not that endpoint.
fn refuse_unpinned(selectors: &[String], entries: &[CatalogEntry]) -> Result<(), CommandError> {
    for selector in selectors {
        let Some((named, tag)) = endpoint_of(selector) else { continue };
        let whole = named.unpinned();
        let Some(entry) = entries.iter().find(|entry| entry.model == whole) else { continue };
        let pinned = entry.pinned_endpoints();
        if pinned.iter().any(|endpoint| endpoint.tag == tag) {
            continue;
        }
        let tags: Vec<String> = pinned.iter().map(|endpoint| escape(&endpoint.tag)).collect();
        let there = if tags.is_empty() { "no endpoint".to_owned() } else { tags.join(", ") };
        let state = if entry.is_enabled() { "enabled" } else { "disabled" };
        let (named, whole) = (escape(&named.to_string()), escape(&whole.to_string()));
        return Err(CommandError::usage(format!(
            "`{named}` is no endpoint that is measured: {whole} is {state} and pinned to {there}"
        ))
        .hint(format!("llmbench models add '{named}' pins that endpoint; llmbench models enable '{whole}' means the model")));
    }
    Ok(())
}

/// The model and the tag of a selector that names an endpoint.
fn endpoint_of(selector: &str) -> Option<(ModelRef, String)> {
    let named: ModelRef = selector.trim().parse().ok()?;
    let tag = named.endpoint_tag()?.to_owned();
    Some((named, tag))
}

/// Calls every model once, prints the result, and returns those that answered. The others stay as they are.
async fn answered(
    entries: &[CatalogEntry],
    context: &Context,
    session: &ChangeSession<'_>,
) -> Result<BTreeSet<ModelRef>, CommandError> {
    let candidate = |entry: &CatalogEntry| ModelCandidate {
        metadata: entry.metadata().unwrap_or_default(),
        ..ModelCandidate::new(entry.model.clone())
    };
    let candidates: Vec<ModelCandidate> =
        entries.iter().flat_map(|entry| pins::lanes(&candidate(entry))).collect();
    let probed = probe(&candidates, context, session.store, &session.interrupt.stop).await?;
    let (mut answered, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for ProbeResult { model, answer } in probed {
        match answer {
            Ok(answer) => {
                say_answer(&model, answer, context);
                answered.insert(model.unpinned());
            }
            Err(failure) => {
                say_failure(&model, &failure);
                silent.insert(model.unpinned());
            }
        }
    }
    // One endpoint that answers is enough for a model.
    for model in silent.difference(&answered) {
        print::note(&format!("{model} stays as it is; --no-probe enables it all the same"));
    }
    Ok(answered)
}

/// The entries that the selectors match.
///
/// # Errors
/// Selectors that match nothing, a store that fails.
pub async fn chosen(selectors: &[String], store: &dyn Store) -> Result<Selection, CommandError> {
    let entries = store.entries(None).await.map_err(|error| store_error("reading the catalog", error))?;
    select(selectors, entries)
}

/// Makes the changes, if there are any and the user agrees.
///
/// # Errors
/// Nobody to ask, a store that fails.
pub async fn ask_and_do(
    session: &ChangeSession<'_>,
    intent: PlannedBatch,
    must_ask: bool,
) -> Result<Exit, CommandError> {
    if intent.changes.is_empty() {
        print::note("nothing to change");
        return Ok(Exit::Yes);
    }
    let heading = format!("{} {}", intent.action, count(intent.changes.len()));
    if !session.agreed(&heading, &intent.lines(), must_ask).await? {
        return Ok(Exit::Yes);
    }
    session.carry_out(intent).await
}

fn say_already(already: &[CatalogEntry], state: &str) {
    match already {
        [] => {}
        [CatalogEntry { model: ModelRef { provider, model_id }, .. }] => {
            print::note(&format!("{provider}:{model_id} is {state} already and stays as it is"));
        }
        several => {
            print::note(&format!("{} models are {state} already and stay as they are", several.len()));
        }
    }
}
