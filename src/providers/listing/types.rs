//! An address of a list of models, and one page of it as entries, within the bounds of a store.

use crate::domain::listing::{ListedModel, ModelFacts};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The paging and the shape of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListingFormat {
    /// OpenAI's `data[]`, or a bare array, on one page: most hosts.
    Plain,
    /// The same with a `metadata` that is null for models that are not for chat.
    DeepInfra,
    /// DeepInfra's older list: a bare array that also states quantizations.
    DeepInfraFacts,
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
    /// Cohere's own API: `models[]`, pages by token.
    Cohere,
    /// The serving endpoints of a workspace of Databricks, on one page.
    ServingEndpoints,
}

impl ListingFormat {
    /// True if a list is complete without this part where the login has no right to it: a role may be meant to call models
    /// alone, and the Python runner lists no inference profiles.
    pub fn is_forgone(self) -> bool {
        self == ListingFormat::InferenceProfiles
    }
}

/// One address of a list. Some lists have several, which are read in parallel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingEndpoint {
    pub shape: ListingFormat,
    /// Base URL; empty if the AWS SDK knows it.
    pub base: String,
    /// Path below the base URL; without a query, or with one if its shape has none.
    pub path: Cow<'static, str>,
    /// The publisher's or the location's name, if a provider has several parts, for messages.
    pub label: String,
    /// True if it only adds facts to the models of the other parts, and may fail.
    pub supplements: bool,
}

impl ListingEndpoint {
    /// A part of a list whose models count.
    pub fn new(
        shape: ListingFormat,
        base: impl Into<String>,
        path: impl Into<Cow<'static, str>>,
        label: impl Into<String>,
    ) -> Self {
        Self { shape, base: base.into(), path: path.into(), label: label.into(), supplements: false }
    }
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

/// The entries under the first of the names that holds a list; a bare array is the list itself.
pub(super) fn items<'a>(document: &'a Value, names: &[&str]) -> Result<&'a [Value], String> {
    let found = names.iter().find_map(|name| document.get(*name)?.as_array()).or_else(|| document.as_array());
    found
        .map(Vec::as_slice)
        .ok_or_else(|| format!("its answer holds no list of models (`{}`)", names.join("` or `")))
}

/// A page of the entries that `read` accepts.
pub(super) fn page(
    items: &[Value],
    next: Option<String>,
    read: impl Fn(&Value) -> Option<ListingEntry>,
) -> ListingPage {
    ListingPage { raw_count: items.len() as u64, entries: items.iter().filter_map(read).collect(), next }
}

/// The longest id that is kept, in bytes.
const LONGEST_ID: usize = 512;
/// The longest name that is kept, in characters.
const LONGEST_NAME: usize = 300;

/// Builds an entry; `None` if its id is unusable.
pub(super) fn entry(raw: &Value, id: &str, name: Option<&str>, facts: ModelFacts) -> Option<ListingEntry> {
    let id = id.trim();
    if id.is_empty() || id.len() > LONGEST_ID {
        return None;
    }
    let name = name.map(str::trim).filter(|name| !name.is_empty()).unwrap_or(id);
    let model = ListedModel {
        model_id: id.to_owned(),
        name: name.chars().take(LONGEST_NAME).collect(),
        facts,
        raw: bounded(raw),
        endpoints: None,
    };
    Some(ListingEntry { model, writes_text: true, callable: true, stands_for: Vec::new() })
}

/// The largest raw entry that is kept, in bytes.
const LARGEST_RAW: usize = 128 * 1024;
/// The deepest raw entry that is kept, in levels: MongoDB allows a hundred.
const DEEPEST_RAW: usize = 60;

/// The raw entry, or a note about its size if it is too large for a store.
fn bounded(raw: &Value) -> Value {
    let bytes = raw.to_string().len();
    if bytes > LARGEST_RAW || depth(raw) > DEEPEST_RAW {
        json!({ "omitted_bytes": bytes })
    } else {
        raw.clone()
    }
}

fn depth(value: &Value) -> usize {
    let below = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(fields) => fields.values().map(depth).max(),
        _ => return 0,
    };
    1 + below.unwrap_or(0)
}

/// A cursor encoded for a query: a space is `%20`, because signatures do not accept `+`.
pub(super) fn encoded(cursor: &str) -> String {
    url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A token that names a next page.
pub(super) fn token(document: &Value, name: &str) -> Option<String> {
    document.get(name)?.as_str().filter(|token| !token.is_empty()).map(str::to_owned)
}
