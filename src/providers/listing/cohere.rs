//! Cohere: the models of its own API, beside the one that is compatible with OpenAI's; pages by token.
//! <https://docs.cohere.com/reference/list-models>

use super::facts;
use super::types::{ListingEndpoint, ListingEntry, ListingFormat, ListingPage, encoded, entry, items};
use serde_json::Value;

/// The list's address; `None` if the base URL is not that of the compatible API.
pub fn part(base: &str) -> Option<ListingEndpoint> {
    let root = base.strip_suffix("/compatibility/v1")?;
    Some(ListingEndpoint::new(ListingFormat::Cohere, format!("{root}/v1"), "/models", ""))
}

/// The query for a page of the largest size.
pub fn query(cursor: Option<&str>) -> String {
    let token = cursor.map(|token| format!("&page_token={}", encoded(token))).unwrap_or_default();
    format!("?page_size=1000{token}")
}

pub fn page(document: &Value) -> Result<ListingPage, String> {
    let next = super::token(document, "next_page_token");
    Ok(super::page(items(document, &["models", "data"])?, next, read))
}

fn read(raw: &Value) -> Option<ListingEntry> {
    let id = raw.get("name").or_else(|| raw.get("id"))?.as_str()?;
    let mut found = facts::common(raw);
    if raw.get("is_deprecated").and_then(Value::as_bool) == Some(true) {
        found.lifecycle = Some("deprecated".to_owned());
    }
    let mut entry = entry(raw, id, None, found)?;
    let endpoints = raw.get("endpoints").and_then(Value::as_array);
    entry.writes_text = endpoints.is_none_or(|endpoints| endpoints.iter().any(|endpoint| endpoint == "chat"));
    Some(entry)
}
