//! An address of a list of models, and one page of it as entries.

use crate::domain::listing::ListedModel;

/// The paging and the shape of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListingFormat {
    /// OpenAI's `data[]`, or a bare array, on one page: most hosts.
    Plain,
    /// The same with a `metadata` that is null for models that are not for chat.
    DeepInfra,
    /// Pages by `after_id`.
    Anthropic,
    /// Gemini's own API: `models[]`, pages by token.
    Gemini,
    /// One publisher of Vertex's Model Garden, pages by token.
    Publisher(&'static str),
    /// Bedrock's foundation models on one page.
    FoundationModels,
    /// Bedrock's inference profiles, pages by token.
    InferenceProfiles,
    /// The models of Fireworks' own account, pages by token.
    Fireworks,
    /// Pages by offset.
    OpenRouter,
}

/// One address of a list. Some lists have several, which are read in parallel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingEndpoint {
    pub shape: ListingFormat,
    /// Base URL; empty if the AWS SDK knows it.
    pub base: String,
    /// Path below the base URL, without a query.
    pub path: &'static str,
    /// The publisher's or the location's name, if a provider has several parts, for messages.
    pub label: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ListingEntry {
    pub model: ListedModel,
    /// True unless its provider says that it writes no text.
    pub writes_text: bool,
    /// True if it can be called under this id, as far as the provider says.
    pub callable: bool,
    /// The ids of the models behind it, if it is a way to others (Bedrock's profiles).
    pub stands_for: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ListingPage {
    /// Entries that came, usable or not.
    pub raw_count: u64,
    /// The entries that have an id.
    pub entries: Vec<ListingEntry>,
    /// The cursor of the next page; `None` if this was the last page.
    pub next: Option<String>,
}
