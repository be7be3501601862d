//! Google: the publishers of Vertex's Model Garden, and the list of Gemini's own API; pages by
//! token. <https://cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/publishers.models>,
//! <https://ai.google.dev/api/models>
//!
//! The Model Garden lists both models that Vertex serves and models that users deploy themselves, and each of two
//! locations lists models that the other does not, so both are read.

use super::facts;
use super::types::{ListingEndpoint, ListingEntry, ListingFormat, ListingPage, encoded, entry, items};
use crate::providers::hosts::Host;
use crate::providers::vertex;
use serde_json::Value;

/// Publishers whose models Vertex serves.
const PUBLISHERS: &[&str] = &[
    "google",
    "anthropic",
    "mistralai",
    "meta",
    "deepseek-ai",
    "qwen",
    "openai",
    "moonshotai",
    "zai-org",
    "minimaxai",
    "xai",
];

/// Locations whose lists complement each other, besides the configured one.
const LOCATIONS: &[&str] = &[vertex::DEFAULT_LOCATION, "us-central1"];

/// Actions of models that users deploy themselves.
const DEPLOYED: &[&str] = &["deploy", "multiDeployVertex", "deployGke"];

/// Beginnings of Mistral's own names for models that Vertex serves.
const MISTRAL: &[&str] = &["mistral", "ministral", "codestral"];

/// Every publisher at every address.
pub fn vertex_parts(host: &Host) -> Vec<ListingEndpoint> {
    let bases = match &host.base_url {
        Some(base) => vec![(String::new(), listing_base(&vertex::versioned(&base.value)))],
        None => {
            let own =
                host.region.as_ref().map(|region| region.value.as_str()).filter(|name| vertex::is_name(name));
            let mut locations: Vec<&str> = own.into_iter().chain(LOCATIONS.iter().copied()).collect();
            let mut seen = Vec::new();
            locations.retain(|location| {
                !seen.contains(location) && {
                    seen.push(*location);
                    true
                }
            });
            locations
                .iter()
                .map(|place| ((*place).to_owned(), listing_base(&vertex::base_url(place))))
                .collect()
        }
    };
    let part = |(place, base): &(String, String), publisher: &'static str| ListingEndpoint {
        shape: ListingFormat::Publisher(publisher),
        base: base.clone(),
        path: "/models".into(),
        label: format!("{publisher} {place}").trim_end().to_owned(),
    };
    bases.iter().flat_map(|base| PUBLISHERS.iter().map(move |publisher| part(base, publisher))).collect()
}

/// Only `v1beta1` has lists.
fn listing_base(base: &str) -> String {
    match base.rsplit_once('/') {
        Some((root, _)) => format!("{root}/v1beta1"),
        None => base.to_owned(),
    }
}

/// The query for a page of a publisher.
pub fn publisher_query(cursor: Option<&str>) -> String {
    let token = cursor.map(|token| format!("&pageToken={}", encoded(token))).unwrap_or_default();
    format!("?pageSize=100{token}")
}

/// Reads a page of a publisher. A publisher without models answers `{}`.
pub fn publisher_page(document: &Value, publisher: &str) -> Result<ListingPage, String> {
    let next = super::token(document, "nextPageToken");
    let empty = document.as_object().is_some_and(|fields| fields.keys().all(|name| name == "nextPageToken"));
    let items = if empty { &[] } else { items(document, &["publisherModels", "data"])? };
    Ok(super::page(items, next, |raw| publisher_entry(raw, publisher)))
}

fn publisher_entry(raw: &Value, publisher: &str) -> Option<ListingEntry> {
    let path = raw.get("name").or_else(|| raw.get("id"))?.as_str()?;
    let name = path.rsplit('/').next()?;
    let partner = name.ends_with("-maas");
    let id = if partner { format!("{publisher}/{name}") } else { name.to_owned() };
    let mut entry = entry(raw, &id, None, facts::common(raw))?;
    let actions = raw.get("supportedActions").and_then(Value::as_object);
    let deployed = actions.is_some_and(|actions| DEPLOYED.iter().any(|action| actions.contains_key(*action)));
    entry.callable = !deployed && (partner || served(publisher, name));
    Some(entry)
}

/// True if Vertex serves a model under its bare name.
fn served(publisher: &str, name: &str) -> bool {
    match publisher {
        "google" => name.starts_with("gemini"),
        "anthropic" => true,
        "mistralai" => MISTRAL.iter().any(|start| name.starts_with(start)),
        _ => false,
    }
}

/// The query for a page of Gemini's own API, of the largest size.
pub fn gemini_query(cursor: Option<&str>) -> String {
    let token = cursor.map(|token| format!("&pageToken={}", encoded(token))).unwrap_or_default();
    format!("?pageSize=1000{token}")
}

/// Reads a page of Gemini's own API.
pub fn gemini_page(document: &Value) -> Result<ListingPage, String> {
    let next = super::token(document, "nextPageToken");
    Ok(super::page(items(document, &["models", "data"])?, next, gemini_entry))
}

fn gemini_entry(raw: &Value) -> Option<ListingEntry> {
    let path = raw.get("name").or_else(|| raw.get("id"))?.as_str()?;
    let id = path.strip_prefix("models/").unwrap_or(path);
    let mut entry = entry(raw, id, raw.get("displayName").and_then(Value::as_str), facts::common(raw))?;
    let methods = raw.get("supportedGenerationMethods").and_then(Value::as_array);
    entry.writes_text =
        methods.is_none_or(|methods| methods.iter().any(|method| method == "generateContent"));
    Some(entry)
}
