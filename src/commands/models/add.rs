//! `llmbench models add`: checks, consent, one real call each, and one batch with the result for every model.

use super::canary_cost;
use super::candidates::{ModelCandidate, named, settled};
use super::change::{ChangeSession, PlannedBatch, PlannedChange, count};
use super::check::{CandidateContext, CandidateVerdict, CheckedCandidate, check};
use super::choose::choose;
use super::listed::listed_facts;
use super::pins;
use super::probe::{ProbeResult, TrialTimings, probe};
use crate::cli::models::ModelsAddArgs;
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::prompts::ask_about;
use crate::commands::unknown_names;
use crate::domain::canary;
use crate::domain::generation_request::QUANTIZATION;
use crate::domain::listing::ModelFacts;
use crate::domain::{Failure, ModelRef};
use crate::output::advice::told;
use crate::output::{print, prompt, units};
use crate::storage::catalog::enabled_fields::{DisableDetails, off, on};
use crate::storage::catalog::endpoint_lanes::{PinnedEndpoint, pinned_endpoints, put_endpoints};
use crate::storage::catalog::{CatalogEntry, PROBING};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

/// Options for adding models.
#[derive(Debug, Clone)]
pub struct AddOptions {
    /// Adds the model disabled, without a call.
    pub no_probe: bool,
    /// The reason for the history.
    pub reason: Option<String>,
    /// Asks even for a single model, because it was chosen from a list and not typed.
    pub must_ask: bool,
}

/// Runs `llmbench models add` to its exit status.
///
/// # Errors
/// Unknown providers, unreadable files, missing keys, nobody to ask, a store that fails.
pub async fn run(args: &ModelsAddArgs, context: &Context) -> Result<Exit, CommandError> {
    let mut wanted = named(args, &unknown_names::providers(context))?;
    let chooses = wanted.is_empty() && args.from_file.is_none() && !args.consent.yes && prompt::possible();
    if !chooses {
        wanted = settled(wanted, args)?;
    }
    let store = context.open_store().await?;
    let session = ChangeSession::new(store.as_ref(), context, args.consent)?;
    if chooses {
        let chosen = choose(context, store.as_ref(), &session.interrupt.stop).await?;
        if chosen.is_empty() {
            print::note("nothing was chosen; nothing was changed");
            return Ok(Exit::Yes);
        }
        wanted = settled(chosen, args)?;
    }
    let adding = AddOptions { no_probe: args.no_probe, reason: args.reason.clone(), must_ask: chooses };
    add(wanted, &adding, context, &session).await
}

/// Adds models: checks, consent, calls, one batch.
///
/// # Errors
/// As in [`run`].
pub async fn add(
    mut wanted: Vec<ModelCandidate>,
    adding: &AddOptions,
    context: &Context,
    session: &ChangeSession<'_>,
) -> Result<Exit, CommandError> {
    pins::complete(&mut wanted, context, session.store, !adding.no_probe).await?;
    let entries =
        session.store.entries(None).await.map_err(|error| store_error("reading the catalog", error))?;
    let rows = listed_facts(wanted.iter().map(|one| &one.model), session.store).await?;
    take_listed_quantizations(&mut wanted, &rows);
    let listed: HashSet<ModelRef> = rows.into_keys().collect();
    let hosts = &context.settings.hosts;
    let against = CandidateContext { hosts, entries: &entries, listed: &listed, called: !adding.no_probe };
    let mut checked = Vec::new();
    for candidate in wanted {
        let found = check(candidate, &against).map_err(CommandError::usage)?;
        checked.push(offered(found, session, &against).await?);
    }
    let refused = tell(&checked);
    let going: Vec<CheckedCandidate> =
        checked.into_iter().filter(|checked| checked.verdict == CandidateVerdict::Goes).collect();
    let ended = if going.is_empty() { Exit::Yes } else { admit(going, adding, context, session).await? };
    Ok(if refused && ended == Exit::Yes { Exit::No } else { ended })
}

/// A direct provider's model takes the quantization that its list states, unless the operator says another.
fn take_listed_quantizations(wanted: &mut [ModelCandidate], listed: &HashMap<ModelRef, ModelFacts>) {
    for candidate in wanted.iter_mut().filter(|candidate| !candidate.model.is_routed()) {
        let stated = listed.get(&candidate.model).and_then(|facts| facts.quantization.clone());
        if let (Some(word), false) = (stated, candidate.metadata.contains_key(QUANTIZATION)) {
            candidate.metadata.insert(QUANTIZATION.to_owned(), json!(word));
        }
    }
}

/// Offers the inference profile instead of a bare Bedrock id, if a user can be asked.
async fn offered(
    checked: CheckedCandidate,
    session: &ChangeSession<'_>,
    against: &CandidateContext<'_>,
) -> Result<CheckedCandidate, CommandError> {
    let can_ask = prompt::possible() && !session.consent.yes && !session.consent.dry_run;
    let (true, Some(profile)) = (can_ask, checked.profiles.first()) else { return Ok(checked) };
    let model = &checked.candidate.model;
    let better = ModelRef::new(&model.provider, profile);
    if !ask_about(format!("{model}: add {better} instead?"), &session.interrupt.stop).await? {
        return Ok(checked);
    }
    let candidate = ModelCandidate { model: better, ..checked.candidate };
    check(candidate, against).map_err(CommandError::usage)
}

/// Prints the findings of the checks; true if any model was refused.
fn tell(checked: &[CheckedCandidate]) -> bool {
    let mut refused = false;
    for CheckedCandidate { candidate, verdict, notes, .. } in checked {
        let model = &candidate.model;
        match verdict {
            CandidateVerdict::Goes => notes.iter().for_each(|note| print::note(&format!("{model}: {note}"))),
            CandidateVerdict::There => print::note(&format!("{model} is enabled already and stays as it is")),
            CandidateVerdict::Refused(why) => {
                refused = true;
                print::note(&format!("error: {model}: {why}"));
            }
        }
    }
    refused
}

async fn admit(
    going: Vec<CheckedCandidate>,
    adding: &AddOptions,
    context: &Context,
    session: &ChangeSession<'_>,
) -> Result<Exit, CommandError> {
    let asked = going.iter().map(|checked| &checked.candidate).filter(|one| canary::is_asked(&one.metadata));
    let asked: Vec<ModelRef> = asked.flat_map(pins::lanes).map(|lane| lane.model).collect();
    canary_cost::tell(&asked, session.store, context).await?;
    let how = if adding.no_probe { "disabled, with the status probing" } else { "after one real call each" };
    let heading = format!("add {}, {how}", count(going.len()));
    let called = going.iter().flat_map(|checked| pins::lanes(&new_parts(checked)));
    let lines: Vec<String> = called.map(|lane| lane.model.to_string()).collect();
    if !session.agreed(&heading, &lines, adding.must_ask || going.len() > 1).await? {
        return Ok(Exit::Yes);
    }
    let (changes, silent) = if adding.no_probe {
        let staged = |checked: &CheckedCandidate| {
            planned(&completed(checked), if is_measured(checked) { Map::new() } else { staged() })
        };
        (going.iter().map(staged).collect(), 0)
    } else {
        probed(&going, context, session).await?
    };
    let interrupted = session.interrupt.stop.is_cancelled();
    if changes.is_empty() && interrupted {
        return Err(CommandError::usage("interrupted: nothing was added").exit(Exit::Interrupted));
    }
    // Calls that ended are paid for: their results are kept, interrupted or not.
    let session = ChangeSession {
        interrupt: crate::commands::interrupt::Interrupt::default(),
        who: session.who.clone(),
        ..*session
    };
    let ended = session
        .carry_out(PlannedBatch { action: "add", why: adding.reason.clone(), undoes: None, changes })
        .await?;
    Ok(match ended {
        _ if interrupted => Exit::Interrupted,
        Exit::Yes if silent > 0 => Exit::No,
        other => other,
    })
}

/// Calls every model, and returns the resulting changes and the number of models that did not answer.
async fn probed(
    going: &[CheckedCandidate],
    context: &Context,
    session: &ChangeSession<'_>,
) -> Result<(Vec<PlannedChange>, usize), CommandError> {
    let lanes: Vec<Vec<ModelCandidate>> =
        going.iter().map(|checked| pins::lanes(&new_parts(checked))).collect();
    let all = probe(&lanes.concat(), context, session.store, &session.interrupt.stop).await?;
    let (mut changes, mut silent) = (Vec::new(), 0);
    for (checked, lanes) in going.iter().zip(&lanes) {
        let of_model = |probed: &&ProbeResult| lanes.iter().any(|lane| lane.model == probed.model);
        let probed: Vec<&ProbeResult> = all.iter().filter(of_model).collect();
        silent += probed.iter().filter(|probed| probed.answer.is_err()).count();
        changes.extend(judged(checked, &probed, context, &session.who));
    }
    Ok((changes, silent))
}

/// The change that follows from the calls of one model: of its endpoints those that answered are pinned. `None` if
/// nothing is to change: it was not called, or a measured model did not answer at a further endpoint.
fn judged(
    checked: &CheckedCandidate,
    probed: &[&ProbeResult],
    context: &Context,
    who: &str,
) -> Option<PlannedChange> {
    let mut failure = None;
    for ProbeResult { model, answer } in probed {
        match answer {
            Ok(answer) => say_answer(model, *answer, context),
            Err(why) => {
                say_failure(model, why);
                failure = Some(why);
            }
        }
    }
    let answered: Vec<&ModelRef> =
        probed.iter().filter(|probed| probed.answer.is_ok()).map(|probed| &probed.model).collect();
    if answered.is_empty() {
        let why = failure.filter(|_| !is_measured(checked))?;
        return Some(planned(&completed(checked), failed(why, who)));
    }
    let mut kept = checked.clone();
    let silent = |endpoint: &PinnedEndpoint| {
        let lane = checked.candidate.model.pinned(&endpoint.tag);
        probed.iter().any(|probed| probed.model == lane && probed.answer.is_err())
    };
    kept.candidate = with_its_metadata(checked);
    let mut endpoints = pinned_endpoints(&kept.candidate.metadata);
    endpoints.retain(|endpoint| !silent(endpoint));
    put_endpoints(&mut kept.candidate.metadata, &endpoints);
    Some(planned(&kept, if is_measured(checked) { Map::new() } else { on(checked.entry.as_ref()) }))
}

/// True if the model is measured already, and only its endpoints are to change.
fn is_measured(checked: &CheckedCandidate) -> bool {
    checked.entry.as_ref().is_some_and(CatalogEntry::is_enabled)
}

/// What a call has to try: the candidate with its staged quirks, but without endpoints that are measured already.
fn new_parts(checked: &CheckedCandidate) -> ModelCandidate {
    let mut candidate = with_its_metadata(checked);
    if let Some(entry) = checked.entry.as_ref().filter(|entry| entry.is_enabled()) {
        let there = entry.pinned_endpoints();
        let mut endpoints = pinned_endpoints(&candidate.metadata);
        endpoints.retain(|new| there.iter().all(|old| old.tag != new.tag));
        put_endpoints(&mut candidate.metadata, &endpoints);
    }
    candidate
}

/// Prints that a model answered its call, and its figures.
pub fn say_answer(model: &ModelRef, answer: TrialTimings, context: &Context) {
    print::note(&format!("{model} answered: {}", spoken(answer, context.terminal.unicode)));
}

/// Prints the failure of a model's call, and the remedy.
pub fn say_failure(model: &ModelRef, failure: &Failure) {
    print::note(&format!("error: {model} did not answer: {}", why(failure)));
    print::note(&format!("hint: {}", told(failure.error_kind)));
}

/// The candidate with the quirks of its entry.
fn completed(checked: &CheckedCandidate) -> CheckedCandidate {
    CheckedCandidate { candidate: with_its_metadata(checked), ..checked.clone() }
}

/// A staged model keeps the quirks that it was staged with.
fn with_its_metadata(checked: &CheckedCandidate) -> ModelCandidate {
    let mut candidate = checked.candidate.clone();
    let mut metadata = checked.entry.as_ref().and_then(CatalogEntry::metadata).unwrap_or_default();
    let endpoints = pins::joined(&pinned_endpoints(&metadata), &pinned_endpoints(&candidate.metadata));
    metadata.extend(candidate.metadata);
    put_endpoints(&mut metadata, &endpoints);
    candidate.metadata = metadata;
    candidate
}

fn spoken(answer: TrialTimings, unicode: bool) -> String {
    let first = answer
        .ttft
        .map_or_else(String::new, |ttft| format!("first token after {}, ", units::seconds(ttft, unicode)));
    let tokens = answer.tokens.map_or_else(String::new, |tokens| format!("{tokens} tokens in "));
    format!("{first}{tokens}{}", units::seconds(answer.total, unicode))
}

fn why(failure: &Failure) -> String {
    format!("{}: {}", failure.error_kind, failure.message)
}

/// The values of a model that was not called.
fn staged() -> Map<String, Value> {
    Map::from_iter([("enabled".to_owned(), json!(false)), ("status".to_owned(), json!(PROBING))])
}

/// The values of a model that did not answer.
fn failed(failure: &Failure, who: &str) -> Map<String, Value> {
    let reason = format!("did not answer when it was added: {}", why(failure));
    let class = failure.error_kind.as_str();
    let mut set = off(&DisableDetails { reason: &reason, class, who, until: None, recheck_at: None });
    set.insert("status".to_owned(), json!(PROBING));
    set
}

/// The change of one model: the values above, and name and quirks if they are new.
fn planned(checked: &CheckedCandidate, mut set: Map<String, Value>) -> PlannedChange {
    let ModelCandidate { model, display_name, .. } = &checked.candidate;
    let named = checked.entry.as_ref().and_then(|entry| entry.text("display_name"));
    if display_name.is_some() || named.is_none() {
        set.insert("display_name".to_owned(), json!(display_name.as_ref().unwrap_or(&model.model_id)));
    }
    let metadata = checked.candidate.metadata.clone();
    if !metadata.is_empty() {
        set.insert("metadata".to_owned(), Value::Object(metadata));
    }
    match &checked.entry {
        Some(entry) => PlannedChange::of(entry, set),
        None => PlannedChange { model: model.clone(), before: None, set },
    }
}
