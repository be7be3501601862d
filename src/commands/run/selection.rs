//! Selects the models to measure: flags and catalog in, targets with open routes out. A provider that cannot be called
//! is an error if its model was named, and skipped with a note for `--all`.

use super::access::{self, ProviderAccess, SIMULATOR};
use super::outcome_target::StoreOrBridge;
use crate::cli::run::RunArgs;
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::unknown_names;
use crate::domain::model::ModelRefError;
use crate::domain::secret::Secret;
use crate::domain::{ModelRef, glob};
use crate::measure::measurer::Target;
use crate::providers::adapt::Adaptation;
use crate::simulator::RunningSimulator;
use crate::simulator::scenario::PRESETS;
use crate::storage::catalog::endpoint_lanes::endpoint_lanes;
use crate::storage::{Store, WorkItem};
use serde_json::Map;
use std::collections::BTreeMap;

/// A target with its state in the catalog: only rows of enabled models may be published.
pub struct SelectedTarget {
    /// The model and its route.
    pub subject: Target,
    /// Enabled in the catalog.
    pub enabled: bool,
}

/// All targets of a run, with the objects that must outlive them.
pub struct RunSelection {
    /// The targets, in the order in which they were named.
    pub subjects: Vec<SelectedTarget>,
    pub secrets: Vec<Secret>,
    /// The simulator, if this process runs it.
    pub simulators: Vec<RunningSimulator>,
}

/// A model to be measured, before its host was opened.
struct RequestedModel {
    item: WorkItem,
    enabled: bool,
    named: bool,
}

/// Resolves the targets of a run.
///
/// # Errors
/// Unknown or ambiguous models, unknown providers, missing keys of named models, nothing to measure.
pub async fn settle(
    args: &RunArgs,
    context: &Context,
    store: Option<&StoreOrBridge>,
) -> Result<RunSelection, CommandError> {
    if store.is_none() && (args.all || !args.providers.is_empty()) {
        let flag = if args.all { "--all" } else { "--provider" };
        return Err(CommandError::usage(format!(
            "{flag} reads the store's catalog, and --no-store opens none"
        ))
        .hint("leave out --no-store, or name models with --model"));
    }
    let catalog = match store {
        Some(store) => {
            let listed = store.work_list(|text| context.note(args.quiet, text)).await;
            endpoint_lanes(listed.map_err(|error| store_error("reading the catalog", error))?)
        }
        None => Vec::new(),
    };
    let wanted = wanted(args, context, store, catalog).await?;
    let mut settled = RunSelection { subjects: Vec::new(), secrets: Vec::new(), simulators: Vec::new() };
    for (provider, models) in by_provider(wanted) {
        let host = context.settings.hosts.find(&provider).map_err(CommandError::usage)?;
        match access::open(host, context).await {
            Ok(opened) => add(&mut settled, opened, models, store).await,
            Err(reason) if models.iter().any(|wanted| wanted.named) => {
                return Err(CommandError::usage(reason));
            }
            Err(reason) => {
                context.note(args.quiet, &format!("skipping {provider} ({} models): {reason}", models.len()));
            }
        }
    }
    if settled.subjects.is_empty() {
        return Err(CommandError::usage("no provider could be called").hint(SIMULATED));
    }
    Ok(settled)
}

/// The hint that works without any setup.
const SIMULATED: &str = "this works with no key and no server: llmbench run --model sim:steady";

async fn add(
    settled: &mut RunSelection,
    opened: ProviderAccess,
    models: Vec<RequestedModel>,
    store: Option<&StoreOrBridge>,
) {
    settled.secrets.extend(opened.secret);
    settled.simulators.extend(opened.simulator);
    for RequestedModel { item, enabled, .. } in models {
        let learned = match store {
            // A learned adaptation only saves an attempt: without it the refusal teaches it again.
            Some(store) => store.sink().learned(&item.model).await.unwrap_or_default(),
            None => Vec::new(),
        };
        let learned: Vec<Adaptation> = learned.iter().filter_map(|word| word.parse().ok()).collect();
        let route = std::sync::Arc::clone(&opened.route);
        let subject = Target { model: item.model, route, metadata: item.metadata, learned };
        settled.subjects.push(SelectedTarget { subject, enabled });
    }
}

async fn wanted(
    args: &RunArgs,
    context: &Context,
    store: Option<&StoreOrBridge>,
    catalog: Vec<WorkItem>,
) -> Result<Vec<RequestedModel>, CommandError> {
    let mut wanted: Vec<RequestedModel> = Vec::new();
    for text in &args.models {
        if glob::is_glob(text) {
            wanted.extend(fitting(text, &catalog)?);
            continue;
        }
        let model = reference(text, context, store, &catalog).await?;
        // A model with pinned endpoints means all of them.
        let meant = |item: &&WorkItem| item.model == model || item.model.unpinned() == model;
        let known: Vec<WorkItem> = catalog.iter().filter(meant).cloned().collect();
        if !known.is_empty() {
            wanted.extend(known.into_iter().map(|item| RequestedModel { item, enabled: true, named: true }));
            continue;
        }
        if let Some(StoreOrBridge::Store(store)) = store {
            hint_at_others(&model, args, context, &**store).await?;
        }
        let item = WorkItem { display_name: model.model_id.clone(), model, metadata: Map::new() };
        wanted.push(RequestedModel { item, enabled: false, named: true });
    }
    for provider in &args.providers {
        context.settings.hosts.find(provider).map_err(CommandError::usage)?;
        let before = wanted.len();
        let own = catalog.iter().filter(|item| item.model.provider == *provider).cloned();
        wanted.extend(own.map(|item| RequestedModel { item, enabled: true, named: true }));
        if wanted.len() == before {
            return Err(CommandError::usage(format!("the catalog has no enabled model of {provider}"))
                .exit(Exit::No)
                .hint(format!("name one: llmbench run --model {provider}:MODEL_ID")));
        }
    }
    if args.all {
        wanted.extend(catalog.iter().cloned().map(|item| RequestedModel {
            item,
            enabled: true,
            named: false,
        }));
    }
    let mut seen = std::collections::HashSet::new();
    wanted.retain(|wanted| seen.insert(wanted.item.model.clone()));
    if wanted.is_empty() { Err(nothing_to_measure(args, &catalog)) } else { Ok(wanted) }
}

/// The enabled models that a pattern matches; if there are none, the simulator's. A provider that the pattern names
/// must exist, one that it merely matches is skipped like those of `--all`.
///
/// # Errors
/// Status 1 if nothing matches.
fn fitting(pattern: &str, catalog: &[WorkItem]) -> Result<Vec<RequestedModel>, CommandError> {
    let fits = |model: &ModelRef| glob::matches(pattern, &model.to_string());
    let named = pattern.split_once(':').is_some_and(|(provider, _)| !glob::is_glob(provider));
    let enabled = catalog.iter().filter(|item| fits(&item.model));
    let mut found: Vec<RequestedModel> =
        enabled.map(|item| RequestedModel { item: item.clone(), enabled: true, named }).collect();
    if found.is_empty() {
        let built_in = PRESETS.iter().map(|preset| ModelRef::new(SIMULATOR, preset.name));
        let bare =
            |model: ModelRef| WorkItem { display_name: model.model_id.clone(), model, metadata: Map::new() };
        found.extend(built_in.filter(fits).map(|model| RequestedModel {
            item: bare(model),
            enabled: false,
            named,
        }));
    }
    if found.is_empty() {
        return Err(CommandError::usage(format!("no enabled model fits `{}`", pattern.escape_debug()))
            .exit(Exit::No)
            .hint("`llmbench models list` shows the enabled ones, `llmbench models add` enables more"));
    }
    Ok(found)
}

/// Hints at similar names, because an unknown model is measured all the same and a mistyped one should be noticed
/// before it costs a call. The simulator reports unknown names itself.
async fn hint_at_others(
    model: &ModelRef,
    args: &RunArgs,
    context: &Context,
    store: &dyn Store,
) -> Result<(), CommandError> {
    if model.provider == SIMULATOR {
        return Ok(());
    }
    let near = unknown_names::near_model(model, store).await;
    if let Some(near) = near.map_err(|error| store_error("reading the catalog", error))? {
        context.note(args.quiet, &format!("{model} is neither in the catalog nor listed; {near}"));
    }
    Ok(())
}

fn nothing_to_measure(args: &RunArgs, catalog: &[WorkItem]) -> CommandError {
    if catalog.is_empty() {
        let empty = if args.all {
            CommandError::usage("the catalog has no enabled model").exit(Exit::No)
        } else {
            CommandError::usage("no model was named, and the catalog has no enabled one")
        };
        return empty.hint(SIMULATED);
    }
    CommandError::usage("no model was named").hint(format!(
        "--all measures the {} enabled models of the catalog, --model PROVIDER:MODEL_ID any one",
        catalog.len()
    ))
}

/// A model as the user wrote it: with its provider, or a bare id that occurs once in the catalog.
async fn reference(
    text: &str,
    context: &Context,
    store: Option<&StoreOrBridge>,
    catalog: &[WorkItem],
) -> Result<ModelRef, CommandError> {
    match text.parse::<ModelRef>() {
        Ok(model) => Ok(model),
        Err(ModelRefError::Empty(_)) => {
            Err(CommandError::usage(format!("--model {}: provider or id is empty", text.escape_debug()))
                .hint(format!("write provider:model_id; {}", unknown_names::providers(context))))
        }
        Err(error @ ModelRefError::EmptyPin(_)) => Err(CommandError::usage(format!("--model: {error}"))),
        Err(error @ ModelRefError::Bare(_)) => {
            let Some(store) = store else { return Err(CommandError::usage(format!("--model: {error}"))) };
            let found = store
                .find_by_id(text, catalog)
                .await
                .map_err(|error| store_error("reading the catalog", error))?;
            match found.as_slice() {
                [only] => Ok(only.clone()),
                [] => {
                    Err(CommandError::usage(format!("the catalog knows no model `{}`", text.escape_debug()))
                        .hint(format!(
                            "write provider:model_id, for example sim:steady; {}",
                            unknown_names::providers(context)
                        )))
                }
                several => {
                    let names: Vec<String> = several.iter().map(ToString::to_string).collect();
                    Err(CommandError::usage(format!("`{text}` is not unique: {}", names.join(", ")))
                        .hint("write provider:model_id"))
                }
            }
        }
    }
}

/// The models of each provider, providers in the order in which they were first named.
fn by_provider(wanted: Vec<RequestedModel>) -> Vec<(String, Vec<RequestedModel>)> {
    let mut order: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<(String, Vec<RequestedModel>)> = Vec::new();
    for one in wanted {
        let provider = one.item.model.provider.clone();
        let place = *order.entry(provider.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push((provider, Vec::new()));
        }
        groups[place].1.push(one);
    }
    groups
}
