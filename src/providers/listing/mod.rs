//! The providers' model lists: addresses, paging, and parsing of pages. Pure; `listings` sends the requests. One file
//! for each shape of answer.
//!
//! An entry counts as a model unless its provider itself says that it writes no text (a type, a modality, a kind).
//! Names decide nothing; a later call does.

mod anthropic;
mod bedrock;
mod deepinfra;
mod facts;
mod fireworks;
mod google;
mod openai;
mod openrouter;
mod types;

pub use types::{ListingEndpoint, ListingEntry, ListingFormat, ListingPage};

use super::hosts::{Auth, Host};
use super::model_rules::DialectRule;
use super::protocols::{Dialect, error_body};
use crate::domain::listing::{ListedModel, ModelFacts};
use serde_json::{Value, json};
use std::collections::HashSet;

/// The addresses of a host's list.
///
/// # Errors
/// A sentence, if the host has no base URL.
pub fn parts(host: &Host) -> Result<Vec<ListingEndpoint>, String> {
    if host.keys.auth == Auth::AwsChain {
        return Ok(bedrock::parts());
    }
    if host.dialects == DialectRule::Vertex {
        return Ok(google::vertex_parts(host));
    }
    let base = host.base_url.as_ref().map(|base| base.value.clone());
    let base = base.ok_or_else(|| {
        format!("provider `{0}` has no base URL: set base_url under [providers.{0}]", host.name)
    })?;
    let part = |shape| ListingEndpoint { shape, base: base.clone(), path: "/models", label: String::new() };
    Ok(vec![match (host.name.as_str(), host.dialects) {
        ("fireworks", _) => fireworks::part(&base).unwrap_or_else(|| part(ListingFormat::Plain)),
        ("together", _) if base == TOGETHER_INFERENCE => {
            ListingEndpoint { base: TOGETHER_LIST.to_owned(), ..part(ListingFormat::Plain) }
        }
        ("openrouter", _) => part(ListingFormat::OpenRouter),
        ("deepinfra", _) => part(ListingFormat::DeepInfra),
        (_, DialectRule::Fixed(Dialect::Messages)) => part(ListingFormat::Anthropic),
        (_, DialectRule::Fixed(Dialect::Gemini)) => part(ListingFormat::Gemini),
        _ => part(ListingFormat::Plain),
    }])
}

/// Together's addresses for generation and for its list, from its SDK (3.1).
const TOGETHER_INFERENCE: &str = "https://api-inference.together.ai/v1";
const TOGETHER_LIST: &str = "https://api.together.ai/v1";

/// An address that answers only to a valid key, for hosts whose list is public. Costs no token.
/// <https://openrouter.ai/docs/api-reference/limits>, <https://deepinfra.com/docs/api-reference>
pub fn key_proof(host: &Host) -> Option<ListingEndpoint> {
    let base = &host.base_url.as_ref()?.value;
    let (base, path) = match host.name.as_str() {
        "openrouter" => (base.as_str(), "/key"),
        "deepinfra" => (base.strip_suffix("/openai")?, "/me"),
        _ => return None,
    };
    Some(ListingEndpoint { shape: ListingFormat::Plain, base: base.to_owned(), path, label: String::new() })
}

/// True if a host's list is public, so that reading it does not test the key.
pub fn is_public(host: &Host) -> bool {
    matches!(host.name.as_str(), "openrouter" | "deepinfra")
}

impl ListingEndpoint {
    /// Path and query of a page. `cursor` is the previous page's `next`.
    pub fn page_path(&self, cursor: Option<&str>) -> String {
        let query = match self.shape {
            ListingFormat::Plain | ListingFormat::DeepInfra | ListingFormat::FoundationModels => {
                String::new()
            }
            ListingFormat::Anthropic => anthropic::query(cursor),
            ListingFormat::Gemini => google::gemini_query(cursor),
            ListingFormat::Publisher(_) => google::publisher_query(cursor),
            ListingFormat::InferenceProfiles => bedrock::profiles_query(cursor),
            ListingFormat::Fireworks => fireworks::query(cursor),
            ListingFormat::OpenRouter => openrouter::query(cursor),
        };
        let publisher = match self.shape {
            ListingFormat::Publisher(name) => format!("/publishers/{name}"),
            _ => String::new(),
        };
        format!("{publisher}{}{query}", self.path)
    }

    /// Parses the page requested with `cursor`.
    ///
    /// # Errors
    /// A sentence that describes the bytes, if they are not a page of this shape.
    pub fn page(&self, cursor: Option<&str>, body: &[u8]) -> Result<ListingPage, String> {
        let document = document(body)?;
        let page = match self.shape {
            ListingFormat::Plain => openai::page(&document),
            ListingFormat::DeepInfra => deepinfra::page(&document),
            ListingFormat::Anthropic => anthropic::page(&document),
            ListingFormat::Gemini => google::gemini_page(&document),
            ListingFormat::Publisher(name) => google::publisher_page(&document, name),
            ListingFormat::FoundationModels => bedrock::models_page(&document),
            ListingFormat::InferenceProfiles => bedrock::profiles_page(&document),
            ListingFormat::Fireworks => fireworks::page(&document),
            ListingFormat::OpenRouter => openrouter::page(&document, cursor),
        }?;
        if page.next.is_some() && page.next.as_deref() == cursor {
            return Err("its next page is the page itself".to_owned());
        }
        Ok(page)
    }
}

/// The models among the entries of all parts, each id once; the first of two wins.
pub fn settle(mut entries: Vec<ListingEntry>) -> Vec<ListedModel> {
    bedrock::join(&mut entries);
    let mut seen = HashSet::new();
    let kept = entries.into_iter().filter(|entry| entry.writes_text && entry.callable);
    kept.filter(|entry| seen.insert(entry.model.model_id.clone())).map(|entry| entry.model).collect()
}

/// The id under which a measured model is listed: Vertex dates ids behind an `@`, OpenRouter appends ways of routing.
pub fn listed_id<'a>(provider: &str, model_id: &'a str) -> &'a str {
    match provider {
        "vertex" => model_id.split('@').next().unwrap_or(model_id),
        "openrouter" => [":nitro", ":floor", ":online", ":exacto"]
            .iter()
            .find_map(|suffix| model_id.strip_suffix(suffix))
            .unwrap_or(model_id),
        _ => model_id,
    }
}

fn document(body: &[u8]) -> Result<Value, String> {
    let parsed: Result<Value, _> = serde_json::from_slice(body);
    match parsed {
        Ok(document) if document.get("error").is_some_and(|error| !error.is_null()) => {
            let said = error_body(body).map(|error| error.message).unwrap_or_default();
            Err(format!("it answers with an error: {}", said.chars().take(300).collect::<String>()))
        }
        Ok(document) => Ok(document),
        Err(_) if body.iter().all(u8::is_ascii_whitespace) => Err("it answers nothing".to_owned()),
        Err(_) if body.trim_ascii_start().starts_with(b"<") => {
            Err("it answers with a web page instead of JSON: is the base URL right?".to_owned())
        }
        Err(error) => Err(format!("its answer is no JSON ({error})")),
    }
}

/// The entries under the first of the names that holds a list; a bare array is the list itself.
fn items<'a>(document: &'a Value, names: &[&str]) -> Result<&'a [Value], String> {
    let found = names.iter().find_map(|name| document.get(*name)?.as_array()).or_else(|| document.as_array());
    found
        .map(Vec::as_slice)
        .ok_or_else(|| format!("its answer holds no list of models (`{}`)", names.join("` or `")))
}

/// A page of the entries that `read` accepts.
fn page(items: &[Value], next: Option<String>, read: impl Fn(&Value) -> Option<ListingEntry>) -> ListingPage {
    ListingPage { raw_count: items.len() as u64, entries: items.iter().filter_map(read).collect(), next }
}

/// The longest id that is kept, in bytes.
const LONGEST_ID: usize = 512;
/// The longest name that is kept, in characters.
const LONGEST_NAME: usize = 300;

/// Builds an entry; `None` if its id is unusable.
fn entry(raw: &Value, id: &str, name: Option<&str>, facts: ModelFacts) -> Option<ListingEntry> {
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
fn encoded(cursor: &str) -> String {
    url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A token that names a next page.
fn token(document: &Value, name: &str) -> Option<String> {
    document.get(name)?.as_str().filter(|token| !token.is_empty()).map(str::to_owned)
}
