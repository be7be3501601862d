//! `llmbench models set`: edits an entry apart from being enabled: its display name, its key across providers and its
//! request quirks.

use super::candidates::metadata;
use super::change::{ChangeSession, PlannedBatch, PlannedChange};
use super::identity;
use super::switch::{ask_and_do, chosen};
use crate::cli::models::ModelsSetArgs;
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::output::print;
use crate::storage::catalog::{CatalogEntry, QUIRKS_AT_THE_TOP};
use crate::storage::identities::CANONICAL_KEY;
use serde_json::{Map, Value, json};

/// The edits for every chosen entry.
struct ModelEdits {
    display_name: Option<String>,
    canonical: Option<String>,
    metadata: Map<String, Value>,
    unset: Vec<String>,
}

/// Runs `llmbench models set` to its exit status.
///
/// # Errors
/// An unknown quirk, one name for several models, selectors that match nothing, nobody to ask, a store that fails.
pub async fn run(args: &ModelsSetArgs, context: &Context) -> Result<Exit, CommandError> {
    let metadata = metadata(&args.metadata, args.force)?;
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
    let wanted = ModelEdits {
        display_name: args.display_name.clone(),
        canonical: args.canonical.clone(),
        metadata,
        unset: args.unset.clone(),
    };
    let mut changes = Vec::new();
    for entry in &selection.entries {
        let mut set = fields(entry, &wanted);
        if let Some(key) = &args.canonical {
            // The entry may say it alone, after a change that was cut off.
            let known = identity::present(store.as_ref(), &entry.model).await;
            let known = known.map_err(|error| store_error("reading the models' identities", error))?;
            if known.is_none_or(|known| known.canonical_key != *key) {
                set.insert(CANONICAL_KEY.to_owned(), json!(key));
            }
        }
        if set.is_empty() {
            print::note(&format!("{} says so already and stays as it is", entry.model));
        } else {
            changes.push(PlannedChange::of(entry, set));
        }
    }
    let intent = PlannedBatch { action: "set", why: args.reason.clone(), undoes: None, changes };
    ask_and_do(&session, intent, selection.must_ask).await
}

/// The fields of an entry that change, with their new values; null removes a field.
fn fields(entry: &CatalogEntry, wanted: &ModelEdits) -> Map<String, Value> {
    let mut set = Map::new();
    if let Some(name) = &wanted.display_name {
        set.insert("display_name".to_owned(), json!(name));
    }
    if let Some(key) = &wanted.canonical {
        set.insert(CANONICAL_KEY.to_owned(), json!(key));
    }
    let present = entry.fields.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut quirks = present.clone();
    quirks.extend(wanted.metadata.clone());
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
    set
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
        };
        Value::Object(fields(&CatalogEntry::new(entry.as_object().unwrap().clone()), &wanted))
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
