//! Which model a provider's model is: `bench_model_identity` of the data contract. Readers draw models of one key as one
//! chart. Append only; the newest document of a model wins, and only an operator's word writes one.

pub(super) mod mongo;
pub(super) mod sqlite;

use crate::domain::ModelRef;
use crate::storage::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::collections::HashMap;

/// The field of a catalog entry that says the same, so that history and undo know it.
pub const CANONICAL_KEY: &str = "canonical_key";

/// The version of the rule by which a key was given: by an operator's word.
pub const POLICY_VERSION: i32 = 1;

/// One word about a model's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelIdentity {
    pub model: ModelRef,
    /// For example `llama-3.3-70b`.
    pub canonical_key: String,
    pub effective_from: DateTime<Utc>,
    /// False takes the key back.
    pub resolved: bool,
}

/// The identities of models.
#[async_trait]
pub trait IdentityStore: Send + Sync {
    /// The newest word about each model of a provider, taken-back ones included, sorted by id.
    async fn identities(&self, provider: &str) -> Result<Vec<ModelIdentity>, StoreError>;

    /// Appends a word.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another model of the provider has the key: readers then believe neither.
    async fn append_identity(&self, identity: &ModelIdentity) -> Result<(), StoreError>;
}

/// The newest of each model's words, which come oldest first.
fn newest(words: impl IntoIterator<Item = ModelIdentity>) -> Vec<ModelIdentity> {
    let mut newest: HashMap<ModelRef, ModelIdentity> = HashMap::new();
    for word in words {
        newest.insert(word.model.clone(), word);
    }
    let mut all: Vec<ModelIdentity> = newest.into_values().collect();
    all.sort_by(|one, other| one.model.cmp(&other.model));
    all
}

/// The error if another model among these has the key.
///
/// # Errors
/// [`StoreError::Conflict`], which names the other one.
pub fn check_key(known: &[ModelIdentity], model: &ModelRef, key: &str) -> Result<(), StoreError> {
    let has = |word: &&ModelIdentity| word.resolved && word.canonical_key == key && word.model != *model;
    match known.iter().find(has) {
        None => Ok(()),
        Some(other) => Err(StoreError::Conflict(format!(
            "`{key}` is the key of {} already, and two models of one provider under one key void it for both",
            other.model
        ))),
    }
}
