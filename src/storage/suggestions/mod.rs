//! Names for whoever types: of models, runs, batches, fingerprints. Asked by the completions of shells, so every answer is
//! short, comes from an index, and is only read.

pub(super) mod mongo;
pub(super) mod sqlite;

use crate::storage::StoreError;
use async_trait::async_trait;

/// The most names of one answer.
pub const MOST: u32 = 1_000;

/// The most ids of one answer, newest first: nobody types the id of an old run.
pub const NEWEST: u32 = 50;

/// Where names are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SuggestionSource {
    /// Ids of a provider's models in the catalogue.
    Catalogue(String),
    /// Ids of the models that a provider lists and nobody has enabled.
    Listed(String),
    /// Ids of runs of either series, newest first.
    Runs,
    /// Ids of batches of changes, newest first.
    Batches,
    /// Fingerprints of errors.
    Fingerprints,
}

/// A name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The name.
    pub text: String,
    /// What it is, in a few words; may be empty.
    pub about: String,
}

/// A store that is looked into while somebody types.
#[async_trait]
pub trait SuggestionStore: Send + Sync {
    /// The names on a shelf that begin like this.
    async fn suggest(&self, shelf: &SuggestionSource, beginning: &str)
    -> Result<Vec<Suggestion>, StoreError>;
}

/// What is said about a model of the catalogue.
pub fn about_model(display_name: &str, enabled: bool) -> String {
    match (display_name.trim(), enabled) {
        (name, true) => name.to_owned(),
        ("", false) => "not enabled".to_owned(),
        (name, false) => format!("{name}, not enabled"),
    }
}
