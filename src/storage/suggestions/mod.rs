//! Suggested names for shell completion: models, runs, batches, changes, fingerprints. Every answer is short, comes from an
//! index and only reads.

pub(super) mod mongo;
pub(super) mod sqlite;

use crate::storage::StoreError;
use async_trait::async_trait;

/// The most names of one answer.
pub const MOST: u32 = 1_000;

/// The most ids of one answer, newest first: nobody types the id of an old run.
pub const NEWEST: u32 = 50;

/// The source of suggested names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SuggestionSource {
    /// Ids of a provider's models in the catalog.
    Catalog(String),
    /// Ids of the models that a provider lists and that are not enabled.
    Listed(String),
    /// Ids of runs of either series, newest first.
    Runs,
    /// Ids of batches of changes, newest first.
    Batches,
    /// Ids of changes of series, newest first.
    Changes,
    Fingerprints,
}

/// A suggested name with its description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    pub text: String,
    /// A description in a few words; may be empty.
    pub about: String,
}

/// A store that is queried while the user types.
#[async_trait]
pub trait SuggestionStore: Send + Sync {
    /// The names of a source that start with `beginning`.
    async fn suggest(&self, shelf: &SuggestionSource, beginning: &str)
    -> Result<Vec<Suggestion>, StoreError>;
}

/// The description of a model of the catalog.
pub fn about_model(display_name: &str, enabled: bool) -> String {
    match (display_name.trim(), enabled) {
        (name, true) => name.to_owned(),
        ("", false) => "not enabled".to_owned(),
        (name, false) => format!("{name}, not enabled"),
    }
}
