//! `models add` without arguments, at a terminal: asks for a provider, then for models that it lists and that are not
//! measured. The lists are those of the store; a missing or old one can be read first.

use super::candidates::{ModelCandidate, sound};
use crate::commands::catalog::{StoredListings, sync};
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::prompts::{ask_about, choose_many, choose_one};
use crate::commands::run::access::SIMULATOR;
use crate::domain::ModelRef;
use crate::domain::listing::CatalogRow;
use crate::listings::diff::{ListedModelState, ProviderListingState, diff, inventory};
use crate::output::catalog::{moment, stated};
use crate::output::picker::PickerItem;
use crate::output::{ReportView, print};
use crate::providers::hosts::Host;
use crate::storage::Store;
use crate::storage::catalog::PROBING;
use chrono::{TimeDelta, Utc};
use std::collections::{BTreeMap, HashSet};
use tokio_util::sync::CancellationToken;

/// Age from which a list is offered to be read again.
const OLD: TimeDelta = TimeDelta::hours(24);

/// The models that the user chooses; empty if none.
///
/// # Errors
/// Status 130 after Ctrl-C, 1 if there is nothing to choose from, and the store's.
pub async fn choose(
    context: &Context,
    store: &dyn Store,
    stop: &CancellationToken,
) -> Result<Vec<ModelCandidate>, CommandError> {
    let view = ReportView::new(context.terminal, false);
    let states = diff(&StoredListings::load(store, &[]).await?.now()).providers;
    let hosts = offered(context, &states);
    if hosts.iter().all(|host| host.name == SIMULATOR) {
        print::note(
            "no provider has a key here, so that the built-in simulator alone is offered\n\
             set a key, such as GROQ_API_KEY; `llmbench doctor` names the variable of each provider",
        );
    }
    let choices = hosts.iter().map(|host| provider(host, states.get(&host.name), &view)).collect();
    let Some(place) = choose_one("Models of which provider?".to_owned(), choices, stop).await? else {
        return Ok(Vec::new());
    };
    let host = hosts[place];
    if wants_new(host, states.get(&host.name), stop, &view).await? {
        refresh(host, context, store, stop).await?;
    }
    let known = StoredListings::load(store, std::slice::from_ref(&host.name)).await?;
    let staged = staged(store, &host.name).await?;
    let free = inventory(&known.now()).into_iter().filter(|one| is_free(one, &known, &staged));
    let rows = addable(free.map(|one| one.row).collect());
    if rows.is_empty() {
        return Err(CommandError::usage(format!("{} lists no model that is not in the catalog", host.name))
            .exit(Exit::No)
            .hint("`llmbench models enable` measures again what was disabled"));
    }
    let choice = |row: &CatalogRow| PickerItem { name: row.model_id.clone(), note: stated(&row.facts) };
    from_list(format!("Which models of {}?", host.name), &rows, choice, stop).await
}

/// Asks for a selection of these models. `choice` formats one.
///
/// # Errors
/// Status 130 after Ctrl-C.
pub async fn from_list(
    title: String,
    rows: &[CatalogRow],
    choice: impl Fn(&CatalogRow) -> PickerItem,
    stop: &CancellationToken,
) -> Result<Vec<ModelCandidate>, CommandError> {
    let chosen = choose_many(title, rows.iter().map(choice).collect(), stop).await?;
    Ok(chosen.into_iter().map(|place| candidate(&rows[place])).collect())
}

/// The models whose ids can be added; prints the number of the others.
pub fn addable(rows: Vec<CatalogRow>) -> Vec<CatalogRow> {
    let is_sound = |row: &CatalogRow| sound(&ModelRef::new(&row.provider, &row.model_id)).is_ok();
    let (addable, odd): (Vec<CatalogRow>, Vec<CatalogRow>) = rows.into_iter().partition(is_sound);
    if !odd.is_empty() {
        print::note(&format!("{} listed with a name that no model can have, not offered", odd.len()));
    }
    addable
}

/// A listed model as a candidate, with the provider's display name unless that could forge a line of output.
pub fn candidate(row: &CatalogRow) -> ModelCandidate {
    let display_name = Some(row.name.clone()).filter(|name| !name.contains(char::is_control));
    ModelCandidate { display_name, ..ModelCandidate::new(ModelRef::new(&row.provider, &row.model_id)) }
}

/// The providers that can be called, and those that have a list.
fn offered<'a>(context: &'a Context, states: &BTreeMap<String, ProviderListingState>) -> Vec<&'a Host> {
    let hosts = context.settings.hosts.iter();
    let is_listed = |host: &Host| states.get(&host.name).is_some_and(|state| state.listed > 0);
    let is_meant = |host: &Host| host.name == SIMULATOR || context.settings.is_configured(host);
    hosts.filter(|host| is_listed(host) || is_meant(host)).collect()
}

fn provider(host: &Host, state: Option<&ProviderListingState>, view: &ReportView) -> PickerItem {
    let note = match state.filter(|state| state.complete_at.is_some()) {
        Some(state) => format!(
            "{} listed, {} measured, read {}",
            state.listed,
            state.measured,
            moment(state.complete_at, view)
        ),
        None => "its list was never read whole".to_owned(),
    };
    PickerItem { name: host.name.clone(), note }
}

/// Offers to read a list that is missing or old.
async fn wants_new(
    host: &Host,
    state: Option<&ProviderListingState>,
    stop: &CancellationToken,
    view: &ReportView,
) -> Result<bool, CommandError> {
    let name = &host.name;
    let question = match state.and_then(|state| state.complete_at) {
        Some(at) if Utc::now() - at < OLD => return Ok(false),
        Some(at) => format!("The list of {name} was read {}. Read it again?", moment(Some(at), view)),
        None => format!("The list of {name} was never read whole. Read it now?"),
    };
    ask_about(question, stop).await
}

/// Reads a list and stores it. If that fails, the stored list is used.
async fn refresh(
    host: &Host,
    context: &Context,
    store: &dyn Store,
    stop: &CancellationToken,
) -> Result<(), CommandError> {
    let name = &host.name;
    print::note(&format!("reading the list of {name}"));
    let synced = tokio::select! {
        synced = sync::one(host, context, store) => synced?,
        () = stop.cancelled() => return Err(CommandError::usage("interrupted").exit(Exit::Interrupted)),
    };
    if let Some(why) = synced.trouble() {
        print::note(&format!("error: {name}: {why}"));
    }
    Ok(())
}

/// The models that are in the catalog on probation: they may be tried again.
async fn staged(store: &dyn Store, provider: &str) -> Result<HashSet<String>, CommandError> {
    let entries = store.entries(Some(provider)).await;
    let entries = entries.map_err(|error| store_error("reading the catalog", error))?;
    let staged = entries.into_iter().filter(|entry| entry.text("status").as_deref() == Some(PROBING));
    Ok(staged.map(|entry| entry.model.model_id).collect())
}

/// True if listed now, and either unknown to the catalog or on probation there.
fn is_free(one: &ListedModelState, known: &StoredListings, staged: &HashSet<String>) -> bool {
    let id = &one.row.model_id;
    let is_known = known.measured.iter().any(|entry| entry.model.model_id == *id);
    one.gone_at.is_none() && !one.measured && (!is_known || staged.contains(id))
}
