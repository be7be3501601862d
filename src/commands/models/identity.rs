//! The key under which readers draw models of several providers as one: checked before a change, appended after it.

use super::change::PlannedChange;
use crate::commands::exit::CommandError;
use crate::domain::ModelRef;
use crate::storage::identities::{CANONICAL_KEY, ModelIdentity, check_key};
use crate::storage::{Store, StoreError};
use chrono::Utc;
use serde_json::Value;

/// What a planned change says about the model's key: nothing, a new key, or none any more.
fn key_of(planned: &PlannedChange) -> Option<Option<&str>> {
    planned.set.get(CANONICAL_KEY).map(Value::as_str)
}

/// Refuses a key for several models of one provider, or one that another model of the provider has.
///
/// # Errors
/// Status 2, with the other model; the store's.
pub async fn check_keys(store: &dyn Store, models: &[&ModelRef], key: &str) -> Result<(), CommandError> {
    for (place, model) in models.iter().enumerate() {
        if let Some(other) = models[..place].iter().find(|other| other.provider == model.provider) {
            return Err(CommandError::usage(format!(
                "{other} and {model} are of one provider, and one key for two models of a provider is void for both"
            ))
            .hint("give the key to one model of each provider"));
        }
        let known = store.identities(&model.provider).await;
        let checked = known.and_then(|known| check_key(&known, model, key));
        checked.map_err(|error| match error {
            StoreError::Conflict(why) => CommandError::usage(format!("{model}: {why}"))
                .hint("use another key, or take it from that model with `llmbench models undo`"),
            error => crate::commands::context::store_error("reading the models' identities", error),
        })?;
    }
    Ok(())
}

/// The present key of a model.
///
/// # Errors
/// The store's.
pub async fn present(store: &dyn Store, model: &ModelRef) -> Result<Option<ModelIdentity>, StoreError> {
    let known = store.identities(&model.provider).await?;
    Ok(known.into_iter().find(|word| word.model == *model && word.resolved))
}

/// Checks a change before it is made.
///
/// # Errors
/// [`StoreError::Conflict`] if another model of the provider has the key; the store's.
pub async fn before_change(store: &dyn Store, planned: &PlannedChange) -> Result<(), StoreError> {
    let Some(Some(key)) = key_of(planned) else { return Ok(()) };
    check_key(&store.identities(&planned.model.provider).await?, &planned.model, key)
}

/// Appends what a change that was made says about the model's key. A key that is taken back, by an undo, stays in the
/// history as one that is not resolved any more.
///
/// # Errors
/// The store's.
pub async fn after_change(store: &dyn Store, planned: &PlannedChange) -> Result<(), StoreError> {
    let Some(key) = key_of(planned) else { return Ok(()) };
    let present = present(store, &planned.model).await?;
    let (canonical_key, resolved) = match (key, present) {
        (Some(key), Some(present)) if present.canonical_key == key => return Ok(()),
        (Some(key), _) => (key.to_owned(), true),
        (None, Some(present)) => (present.canonical_key, false),
        (None, None) => return Ok(()),
    };
    let (model, effective_from) = (planned.model.clone(), Utc::now());
    store.append_identity(&ModelIdentity { model, canonical_key, effective_from, resolved }).await
}
