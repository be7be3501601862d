//! Handles unknown names: refuses a provider with its nearest name, and suggests similar names for a model.

use crate::commands::context::Context;
use crate::commands::exit::CommandError;
use crate::commands::scope::read_error;
use crate::domain::ModelRef;
use crate::domain::nearest::nearest_names;
use crate::output::{print, text};
use crate::storage::history::{HistoryFilter, RunSeries, newest_runs};
use crate::storage::{Store, StoreError};

/// Most names that are suggested for an unknown one.
const MOST_OFFERED: usize = 5;

/// Refuses a provider that neither the table of hosts nor the store knows. Accepts a provider that
/// only another program measures.
///
/// # Errors
/// Status 2 with the nearest name; the store's.
pub async fn provider(
    scope: &HistoryFilter,
    context: &Context,
    store: &dyn Store,
) -> Result<(), CommandError> {
    let Some(name) = &scope.provider else { return Ok(()) };
    let Err(unknown) = context.settings.hosts.find(name) else { return Ok(()) };
    match is_stored(name, store).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(CommandError::usage(unknown)),
        Err(error) => Err(read_error("looking for the provider", error)),
    }
}

/// Formats `providers are openai, …`: every name that may stand before the colon.
pub fn providers(context: &Context) -> String {
    let names: Vec<&str> = context.settings.hosts.iter().map(|host| host.name.as_str()).collect();
    format!("providers are {}", names.join(", "))
}

async fn is_stored(provider: &str, store: &dyn Store) -> Result<bool, StoreError> {
    let scope = HistoryFilter { provider: Some(provider.to_owned()), ..HistoryFilter::default() };
    Ok(!store.entries(Some(provider)).await?.is_empty()
        || !newest_runs(store, &scope, &RunSeries::ALL, 1).await?.is_empty()
        || !store.errors(&scope, 1).await?.is_empty())
}

/// Formats `near to it: groq:llama`, or `otherwise` if no name is near.
pub fn near_or<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    near(wrong, names).unwrap_or_else(|| otherwise.to_owned())
}

fn near<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = nearest_names(wrong, names, MOST_OFFERED);
    let shown: Vec<String> = near.iter().map(|name| text::escape(name)).collect();
    (!shown.is_empty()).then(|| format!("near to it: {}", shown.join(", ")))
}

/// Similar names of the same provider for a model that neither the catalog nor the provider's list has.
///
/// # Errors
/// The store's errors.
pub async fn near_model(model: &ModelRef, store: &dyn Store) -> Result<Option<String>, StoreError> {
    let provider = Some(model.provider.as_str());
    let (entries, rows) = tokio::try_join!(store.entries(provider), store.listed(provider))?;
    let entries = entries.into_iter().filter(|entry| entry.sound).map(|entry| entry.model);
    let known = entries.chain(rows.into_iter().map(|row| ModelRef::new(row.provider, row.model_id)));
    Ok(near_among(model, known))
}

/// Similar names among these.
pub fn near_among(model: &ModelRef, known: impl IntoIterator<Item = ModelRef>) -> Option<String> {
    let mut names: Vec<String> =
        known.into_iter().filter(|one| one.provider == model.provider).map(|one| one.to_string()).collect();
    names.sort_unstable();
    names.dedup();
    let wrong = model.to_string();
    if names.contains(&wrong) { None } else { near(&wrong, names.iter().map(String::as_str)) }
}

/// Prints names similar to the model of a query without results.
///
/// # Errors
/// The store's errors.
pub async fn hint_at_model(scope: &HistoryFilter, store: &dyn Store) -> Result<(), StoreError> {
    if let (Some(provider), Some(model)) = (&scope.provider, &scope.model)
        && let Some(near) = near_model(&ModelRef::new(provider, model), store).await?
    {
        print::note(&format!("hint: nothing is known of `{provider}:{model}`; {near}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_same_provider_are_near() {
        let known = ["groq:llama-3.3-70b", "together:llama-3.3-70b", "groq:whisper", "groq:llama-3.3-70b"];
        let near = |wrong: &str| near_among(&wrong.parse().unwrap(), known.map(|name| name.parse().unwrap()));
        assert_eq!(near("groq:lama-3.3-70b").as_deref(), Some("near to it: groq:llama-3.3-70b"));
        assert_eq!(near("groq:llama-3.3-70b"), None);
        assert_eq!(near("groq:bananas"), None);
        assert_eq!(near_or("x", [], "look"), "look");
    }
}
