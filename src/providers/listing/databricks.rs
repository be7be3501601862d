//! Databricks: the serving endpoints of a workspace, whose names are the ids to call, on one page.
//! <https://docs.databricks.com/api/workspace/servingendpoints/list>

use super::facts;
use super::types::{ListingEndpoint, ListingEntry, ListingFormat, ListingPage, entry, items};
use serde_json::Value;

/// Tasks that are asked as a chat; endpoints of other tasks embed, or answer in a form of their own.
const CHAT: &str = "llm/v1/chat";

/// The list's address; `None` if the base URL is not that of a workspace.
pub fn part(base: &str) -> Option<ListingEndpoint> {
    let root = base.strip_suffix("/serving-endpoints")?;
    Some(ListingEndpoint::new(
        ListingFormat::ServingEndpoints,
        format!("{root}/api/2.0"),
        "/serving-endpoints",
        "",
    ))
}

/// Reads the page. A workspace without endpoints answers `{}`.
pub fn page(document: &Value) -> Result<ListingPage, String> {
    let empty = document.as_object().is_some_and(serde_json::Map::is_empty);
    let items = if empty { &[] } else { items(document, &["endpoints", "data"])? };
    Ok(super::page(items, None, read))
}

fn read(raw: &Value) -> Option<ListingEntry> {
    let id = raw.get("name").or_else(|| raw.get("id"))?.as_str()?;
    let mut entry = entry(raw, id, None, facts::common(raw))?;
    let text = |path: &str| raw.pointer(path).and_then(Value::as_str);
    entry.writes_text = text("/task").is_none_or(|task| task == CHAT);
    entry.callable = text("/state/ready").is_none_or(|ready| ready == "READY");
    Some(entry)
}
