//! `llmbench models set`: edits an entry apart from being enabled: its display name, its key across providers, what is
//! said of its endpoints and weights, and its request quirks.

use super::canary_cost;
use super::candidates::metadata;
use super::change::{ChangeSession, PlannedBatch, PlannedChange};
use super::identity;
use super::listed::listed_facts;
use super::pins;
use super::switch::{ask_and_do, chosen};
use crate::cli::models::{CanaryArg, ModelsSetArgs};
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::domain::canary;
use crate::domain::generation_request::{ENDPOINT_TAG, QUANTIZATION};
use crate::domain::listing::ModelFacts;
use crate::domain::listing::listed_id;
use crate::domain::model::{ModelRef, quantization};
use crate::output::print;
use crate::storage::Store;
use crate::storage::catalog::endpoint_lanes::{pinned_endpoints, put_endpoints};
use crate::storage::catalog::{CatalogEntry, QUIRKS_AT_THE_TOP};
use crate::storage::identities::CANONICAL_KEY;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The word for the quantization that the provider lists.
const LISTED: &str = "listed";

/// The edits for every chosen entry.
#[derive(Clone)]
struct ModelEdits {
    display_name: Option<String>,
    canonical: Option<String>,
    metadata: Map<String, Value>,
    unset: Vec<String>,
    /// The quantization of the model, or of one of its pinned endpoints.
    quantization: Option<String>,
    endpoint: Option<String>,
    /// Tags of pinned endpoints that are taken away.
    unpin: Vec<String>,
    /// Whether the daily question is asked.
    canary: Option<bool>,
}

/// Runs `llmbench models set` to its exit status.
///
/// # Errors
/// An unknown quirk, one name for several models, selectors that match nothing, nobody to ask, a store that fails.
pub async fn run(args: &ModelsSetArgs, context: &Context) -> Result<Exit, CommandError> {
    let metadata = metadata_of(args)?;
    if let Some(key) = args.unset.iter().find(|key| metadata.contains_key(*key)) {
        return Err(CommandError::usage(format!(
            "`{}` is to be set and to be taken away: say one of the two",
            key.escape_debug()
        )));
    }
    let store = context.open_store().await?;
    let selection = chosen(&args.selectors, store.as_ref()).await?;
    if args.display_name.is_some() && selection.entries.len() > 1 {
        return Err(CommandError::usage("--display-name is for one model").hint("name them one by one"));
    }
    if let Some(key) = &args.canonical {
        let models: Vec<_> = selection.entries.iter().map(|entry| &entry.model).collect();
        identity::check_keys(store.as_ref(), &models, key).await?;
    }
    let session = ChangeSession::new(store.as_ref(), context, args.consent)?;
    if args.canary == Some(CanaryArg::On) {
        canary_cost::tell(&without_canary(&selection.entries), store.as_ref(), context).await?;
    }
    let wanted = ModelEdits {
        display_name: args.display_name.clone(),
        canonical: args.canonical.clone(),
        metadata,
        unset: args.unset.clone(),
        quantization: args.quantization.as_deref().filter(|text| *text != LISTED).map(word).transpose()?,
        endpoint: args.endpoint.clone(),
        unpin: args.unpin.clone(),
        canary: args.canary.map(|word| word == CanaryArg::On),
    };
    let models = selection.entries.iter().map(|entry| &entry.model);
    let listed = match args.quantization.as_deref() {
        Some(LISTED) => Some(listed_facts(models, store.as_ref()).await?),
        _ => None,
    };
    let mut changes = Vec::new();
    for entry in &selection.entries {
        let mut wanted = wanted.clone();
        if let Some(listed) = &listed {
            wanted.quantization = listed_quantization(&entry.model, wanted.endpoint.as_deref(), listed);
        }
        let mut set = fields(entry, &wanted).map_err(|why| unsettable(entry, &why))?;
        if let Some(key) = &args.canonical
            && !has_key(&entry.model, key, store.as_ref()).await?
        {
            set.insert(CANONICAL_KEY.to_owned(), json!(key));
        }
        tell_unpinned(entry, &args.unpin);
        if set.is_empty() {
            tell_same(entry, &wanted);
        } else {
            changes.push(PlannedChange::of(entry, set));
        }
    }
    let intent = PlannedBatch { action: "set", why: args.reason.clone(), undoes: None, changes };
    ask_and_do(&session, intent, selection.must_ask).await
}

fn unsettable(entry: &CatalogEntry, why: &str) -> CommandError {
    CommandError::usage(format!("{}: {why}", entry.model))
        .hint(format!("llmbench models show '{}' lists its endpoints", entry.model))
}

/// Tells of a model whose entry would not change.
fn tell_same(entry: &CatalogEntry, wanted: &ModelEdits) {
    let asked = wanted.canary == Some(true) && has_canary(entry);
    let why = if asked { "has a canary" } else { "says so" };
    print::note(&format!("{} {why} already and stays as it is", entry.model));
}

/// The models that are not asked the daily question yet.
fn without_canary(entries: &[CatalogEntry]) -> Vec<ModelRef> {
    let lanes = |entry: &CatalogEntry| match entry.pinned_endpoints() {
        endpoints if endpoints.is_empty() => vec![entry.model.clone()],
        endpoints => endpoints.iter().map(|endpoint| entry.model.pinned(&endpoint.tag)).collect(),
    };
    entries.iter().filter(|entry| !has_canary(entry)).flat_map(lanes).collect()
}

/// True if the daily question is asked already.
fn has_canary(entry: &CatalogEntry) -> bool {
    entry.metadata().is_some_and(|metadata| canary::is_asked(&metadata))
}

/// Tells of a model that loses its last pinned endpoint that it is still measured, and how.
fn tell_unpinned(entry: &CatalogEntry, unpin: &[String]) {
    if !unpin.is_empty() && entry.pinned_endpoints().iter().all(|endpoint| unpin.contains(&endpoint.tag)) {
        let model = &entry.model;
        print::note(&format!(
            "{model} is then pinned to no endpoint: it is measured wherever its router sends each request; `llmbench models \
             disable '{model}' --reason TEXT` stops that"
        ));
    }
}

/// The metadata that the flags set.
///
/// # Errors
/// Status 2: an unknown quirk, a text that is no tag.
fn metadata_of(args: &ModelsSetArgs) -> Result<Map<String, Value>, CommandError> {
    let mut metadata = metadata(&args.metadata, args.force)?;
    if let Some(tag) = &args.endpoint_tag {
        let tag = pins::checked_tag("--endpoint-tag", tag)?;
        metadata.insert(ENDPOINT_TAG.to_owned(), json!(tag));
    }
    Ok(metadata)
}

/// True if the store knows a model by this key. Its entry may say so alone, after a change that was cut off.
async fn has_key(model: &ModelRef, key: &str, store: &dyn Store) -> Result<bool, CommandError> {
    let known = identity::present(store, model).await;
    let known = known.map_err(|error| store_error("reading the models' identities", error))?;
    Ok(known.is_some_and(|known| known.canonical_key == key))
}

/// The quantization that the newest list states of a model, or of a router's endpoint; `None`, with a note, if it states
/// none.
fn listed_quantization(
    model: &ModelRef,
    endpoint: Option<&str>,
    listed: &HashMap<ModelRef, ModelFacts>,
) -> Option<String> {
    let id = listed_id(&model.provider, &model.model_id);
    let facts = listed.get(&ModelRef::new(&model.provider, id)).cloned().unwrap_or_default();
    let found = match endpoint {
        Some(tag) => {
            let endpoints = facts.endpoints.into_iter().flatten();
            endpoints.filter(|known| known.tag == tag).find_map(|known| known.quantization)
        }
        None => facts.quantization,
    };
    if found.is_none() {
        print::note(&format!("{model}: its provider's list states no quantization"));
    }
    found
}

/// A quantization as rows have it.
///
/// # Errors
/// Status 2 for any other text.
fn word(text: &str) -> Result<String, CommandError> {
    quantization(text).ok_or_else(|| {
        CommandError::usage(format!("--quantization {}: it is one word", text.escape_debug()))
            .hint("for example fp8, bf16, int4; --unset quantization takes it away")
    })
}

/// The fields of an entry that change, with their new values; null removes a field.
///
/// # Errors
/// A sentence, if the model has no such endpoint, or cannot have what is said.
fn fields(entry: &CatalogEntry, wanted: &ModelEdits) -> Result<Map<String, Value>, String> {
    let mut set = Map::new();
    if let Some(name) = &wanted.display_name {
        set.insert("display_name".to_owned(), json!(name));
    }
    if let Some(key) = &wanted.canonical {
        set.insert(CANONICAL_KEY.to_owned(), json!(key));
    }
    let present = entry.metadata().unwrap_or_default();
    let mut quirks = present.clone();
    quirks.extend(wanted.metadata.clone());
    if entry.model.is_routed() && wanted.metadata.contains_key(ENDPOINT_TAG) {
        let add = format!("llmbench models add '{}' --endpoint TAG pins one", entry.model);
        return Err(format!("--endpoint-tag is for direct providers; {add}"));
    }
    endpoints(&mut quirks, wanted)?;
    wanted.canary.into_iter().for_each(|on| canary::ask(&mut quirks, on));
    quirks.retain(|key, _| !wanted.unset.contains(key));
    if quirks != present {
        set.insert(
            "metadata".to_owned(),
            if quirks.is_empty() { Value::Null } else { Value::Object(quirks) },
        );
    }
    // Otherwise a removed quirk would still be obeyed.
    for key in QUIRKS_AT_THE_TOP.iter().filter(|key| wanted.unset.iter().any(|unset| unset == *key)) {
        set.insert((*key).to_owned(), Value::Null);
    }
    set.retain(|name, new| entry.fields.get(name).unwrap_or(&Value::Null) != new);
    Ok(set)
}

/// Changes the pinned endpoints, and what is said of the weights.
fn endpoints(quirks: &mut Map<String, Value>, wanted: &ModelEdits) -> Result<(), String> {
    let mut pinned = pinned_endpoints(quirks);
    if let Some(tag) = wanted.unpin.iter().find(|tag| pinned.iter().all(|there| there.tag != **tag)) {
        return Err(format!("it is not pinned to `{}`", tag.escape_debug()));
    }
    let had_any = !pinned.is_empty();
    pinned.retain(|endpoint| !wanted.unpin.contains(&endpoint.tag));
    match (&wanted.quantization, &wanted.endpoint) {
        (None, _) => {}
        (Some(_), None) if had_any => return Err("say of which endpoint: --endpoint TAG".to_owned()),
        (Some(word), None) => drop(quirks.insert(QUANTIZATION.to_owned(), json!(word))),
        (Some(word), Some(tag)) => {
            let endpoint = pinned.iter_mut().find(|there| there.tag == *tag);
            let endpoint = endpoint.ok_or_else(|| format!("it is not pinned to `{}`", tag.escape_debug()))?;
            endpoint.quantization = Some(word.clone());
        }
    }
    if had_any {
        put_endpoints(quirks, &pinned);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(entry: &Value, name: Option<&str>, metadata: &Value, unset: &[&str]) -> Value {
        let wanted = ModelEdits {
            display_name: name.map(str::to_owned),
            canonical: None,
            metadata: metadata.as_object().unwrap().clone(),
            unset: unset.iter().map(|key| (*key).to_owned()).collect(),
            quantization: None,
            endpoint: None,
            unpin: Vec::new(),
            canary: None,
        };
        Value::Object(fields(&CatalogEntry::new(entry.as_object().unwrap().clone()), &wanted).unwrap())
    }

    #[test]
    fn weights_are_said_of_a_model_or_of_one_of_its_endpoints() {
        let edits = |quantization: Option<&str>, endpoint: Option<&str>, unpin: &[&str]| ModelEdits {
            display_name: None,
            canonical: None,
            metadata: Map::new(),
            unset: Vec::new(),
            quantization: quantization.map(str::to_owned),
            endpoint: endpoint.map(str::to_owned),
            unpin: unpin.iter().map(|tag| (*tag).to_owned()).collect(),
            canary: None,
        };
        let changed = |entry: &Value, edits: &ModelEdits| {
            fields(&CatalogEntry::new(entry.as_object().unwrap().clone()), edits).map(Value::Object)
        };
        let direct = json!({"provider": "groq", "model_id": "a"});
        let said = changed(&direct, &edits(Some("fp8"), None, &[])).unwrap();
        assert_eq!(said, json!({"metadata": {"quantization": "fp8"}}));
        let routed = json!({"provider": "openrouter", "model_id": "a/b",
            "metadata": {"endpoints": [{"tag": "x"}, {"tag": "y"}]}});
        let said = changed(&routed, &edits(Some("fp4"), Some("y"), &["x"])).unwrap();
        assert_eq!(said, json!({"metadata": {"endpoints": [{"tag": "y", "quantization": "fp4"}]}}));
        assert_eq!(changed(&routed, &edits(None, None, &["x", "y"])).unwrap(), json!({"metadata": null}));
        for (wrong, why) in [
            (edits(Some("fp4"), None, &[]), "say of which endpoint"),
            (edits(Some("fp4"), Some("z"), &[]), "it is not pinned to `z`"),
            (edits(None, None, &["z"]), "it is not pinned to `z`"),
        ] {
            assert!(changed(&routed, &wrong).unwrap_err().starts_with(why));
        }
        let tag = ModelEdits {
            metadata: Map::from_iter([(ENDPOINT_TAG.to_owned(), json!("t"))]),
            ..edits(None, None, &[])
        };
        assert!(changed(&routed, &tag).unwrap_err().starts_with("--endpoint-tag is for direct providers"));
        assert_eq!(changed(&direct, &tag).unwrap(), json!({"metadata": {"endpoint_tag": "t"}}));
    }

    #[test]
    fn a_canary_is_a_word_in_the_metadata() {
        let edits = |canary| ModelEdits {
            display_name: None,
            canonical: None,
            metadata: Map::new(),
            unset: Vec::new(),
            quantization: None,
            endpoint: None,
            unpin: Vec::new(),
            canary: Some(canary),
        };
        let changed = |entry: &Value, canary: bool| {
            let entry = CatalogEntry::new(entry.as_object().unwrap().clone());
            Value::Object(fields(&entry, &edits(canary)).unwrap())
        };
        let (plain, asked) = (json!({"metadata": {"a": 1}}), json!({"metadata": {"a": 1, "canary": true}}));
        assert_eq!((changed(&plain, true), changed(&plain, false)), (asked.clone(), json!({})));
        assert_eq!((changed(&asked, true), changed(&asked, false)), (json!({}), plain));
    }

    #[test]
    fn only_what_differs_changes() {
        let entry = json!({"display_name": "M", "metadata": {"a": 1}, "omit_temperature": true});
        for (name, metadata, unset, expected) in [
            (Some("M"), json!({"a": 1}), &["b"][..], json!({})),
            (Some("N"), json!({}), &[], json!({"display_name": "N"})),
            (None, json!({"b": [2]}), &[], json!({"metadata": {"a": 1, "b": [2]}})),
            (None, json!({"b": 2}), &["a"], json!({"metadata": {"b": 2}})),
            (None, json!({}), &["a"], json!({"metadata": null})),
            (None, json!({}), &["omit_temperature"], json!({"omit_temperature": null})),
        ] {
            assert_eq!(changed(&entry, name, &metadata, unset), expected);
        }
        // A value that is no object is replaced; the old one stays in the history.
        assert_eq!(
            changed(&json!({"metadata": "odd"}), None, &json!({"a": 1}), &[]),
            json!({"metadata": {"a": 1}})
        );
    }
}
