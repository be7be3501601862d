//! From selectors to entries: an exact `provider:model_id`, a bare id that occurs once in the catalog, or a pattern. A
//! selector that matches nothing ends the command before anything is changed.

use crate::commands::exit::{CommandError, Exit};
use crate::commands::unknown_names::near_or;
use crate::domain::glob;
use crate::domain::model::ModelRef;
use crate::domain::nearest::nearest;
use crate::storage::catalog::CatalogEntry;
use std::collections::BTreeSet;

/// The entries that selectors match.
#[derive(Debug, PartialEq)]
pub struct Selection {
    /// The entries, each once, in the order of the catalog.
    pub entries: Vec<CatalogEntry>,
    /// True if a pattern was used, or several models match: then a change must be confirmed.
    pub must_ask: bool,
}

/// Finds the entries that the selectors match. Entries without provider or id never match.
///
/// # Errors
/// Status 1 with the nearest names if a selector matches nothing; status 2 if a bare id is not unique.
pub fn select(selectors: &[String], entries: Vec<CatalogEntry>) -> Result<Selection, CommandError> {
    let entries: Vec<CatalogEntry> = entries.into_iter().filter(|entry| entry.sound).collect();
    let names: Vec<String> = entries.iter().map(|entry| entry.model.to_string()).collect();
    let mut chosen = BTreeSet::new();
    let mut by_pattern = false;
    for selector in selectors {
        let (places, pattern) = places(selector, &entries, &names)?;
        by_pattern |= pattern;
        chosen.extend(places);
    }
    let meant = entries.into_iter().enumerate().filter(|(place, _)| chosen.contains(place));
    let entries: Vec<CatalogEntry> = meant.map(|(_, entry)| entry).collect();
    Ok(Selection { must_ask: by_pattern || entries.len() > 1, entries })
}

/// The indexes of the entries that one selector matches, and true if it is a pattern.
fn places(
    selector: &str,
    entries: &[CatalogEntry],
    names: &[String],
) -> Result<(Vec<usize>, bool), CommandError> {
    // Logs and jobs name a model with its pinned endpoint.
    let model = selector.trim().parse::<ModelRef>().ok().filter(|model| model.endpoint_tag().is_some());
    let whole = model.map(|model| model.unpinned().to_string());
    let selector = whole.as_deref().unwrap_or(selector.trim());
    if let Some(place) = names.iter().position(|name| name == selector) {
        return Ok((vec![place], false));
    }
    let pattern = glob::is_glob(selector);
    let fits = |place: &usize| {
        if pattern {
            glob::matches(selector, &names[*place])
        } else {
            entries[*place].model.model_id == selector
        }
    };
    let found: Vec<usize> = (0..entries.len()).filter(fits).collect();
    match found.len() {
        0 => Err(nothing(selector, names)),
        1 => Ok((found, pattern)),
        _ if pattern => Ok((found, pattern)),
        _ => {
            let named: Vec<&str> = found.iter().map(|place| names[*place].as_str()).collect();
            Err(CommandError::usage(format!(
                "`{}` is not unique: {}",
                selector.escape_debug(),
                named.join(", ")
            ))
            .hint("write provider:model_id"))
        }
    }
}

fn nothing(selector: &str, names: &[String]) -> CommandError {
    let error = CommandError::usage(format!("the catalog has no model `{}`", selector.escape_debug()));
    let names = || names.iter().map(String::as_str);
    let otherwise = match nearest_provider(selector, names()) {
        Some(meant) => {
            format!("did you mean the provider {meant}? llmbench models list --all --provider {meant}")
        }
        None => "`llmbench models list --all` shows all of them".to_owned(),
    };
    error.exit(Exit::No).hint(near_or(selector, names(), &otherwise))
}

/// The provider that is probably meant if the catalog has no model of the named one.
fn nearest_provider<'a>(selector: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (wrong, _) = selector.split_once(':')?;
    let providers: BTreeSet<&str> = names.filter_map(|name| Some(name.split_once(':')?.0)).collect();
    nearest(wrong, providers).filter(|meant| *meant != wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, Value, json};

    fn entry(value: &Value) -> CatalogEntry {
        CatalogEntry::new(value.as_object().cloned().unwrap_or_else(Map::new))
    }

    fn catalog() -> Vec<CatalogEntry> {
        [("groq", "a"), ("groq", "b*"), ("groq", "b1"), ("together", "a"), ("vertex", "only")]
            .map(|(provider, model_id)| entry(&json!({"provider": provider, "model_id": model_id})))
            .into_iter()
            .chain([entry(&json!({"model_id": "homeless"}))])
            .collect()
    }

    fn meant(selectors: &[&str]) -> Result<(Vec<String>, bool), CommandError> {
        let selectors: Vec<String> = selectors.iter().map(|text| (*text).to_owned()).collect();
        let selection = select(&selectors, catalog())?;
        Ok((selection.entries.iter().map(|entry| entry.model.to_string()).collect(), selection.must_ask))
    }

    #[test]
    fn exact_names_patterns_and_bare_ids() {
        let said = |selectors: &[&str]| meant(selectors).unwrap();
        assert_eq!(said(&["groq:a"]), (vec!["groq:a".to_owned()], false));
        assert_eq!(said(&["only"]), (vec!["vertex:only".to_owned()], false));
        // A name that looks like a pattern is a name first.
        assert_eq!(said(&["groq:b*"]), (vec!["groq:b*".to_owned()], false));
        assert_eq!(said(&["*:a"]).0, ["groq:a", "together:a"]);
        assert_eq!(said(&["vertex:*"]), (vec!["vertex:only".to_owned()], true));
        assert_eq!(said(&["groq:a", "groq:a"]), (vec!["groq:a".to_owned()], false));
        assert_eq!(
            said(&["together:a", "groq:a"]),
            (vec!["groq:a".to_owned(), "together:a".to_owned()], true)
        );
    }

    #[test]
    fn what_is_not_there_is_named_with_its_neighbours() {
        let error = meant(&["groq:a", "grok:a"]).unwrap_err();
        assert_eq!(error.exit, Exit::No);
        assert!(error.hint.unwrap().contains("groq:a"));
        let error = meant(&["grok:llama*"]).unwrap_err();
        assert!(error.hint.unwrap().starts_with("did you mean the provider groq?"));
        assert_eq!(meant(&["a"]).unwrap_err().exit, Exit::Usage);
        assert_eq!(meant(&["homeless"]).unwrap_err().exit, Exit::No);
        assert_eq!(meant(&["nothing*"]).unwrap_err().exit, Exit::No);
    }
}
