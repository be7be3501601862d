//! Fireworks: the models of the account `fireworks`, on the control plane beside the inference API, pages by token.
//! The inference API's own list shows about twenty of them. <https://docs.fireworks.ai/api-reference/list-models>

use super::facts;
use super::types::{ListingEndpoint, ListingEntry, ListingFormat, ListingPage, encoded, entry, items};
use serde_json::Value;

/// Kinds that write no text.
const OTHER_KINDS: &[&str] = &["EMBEDDING_MODEL", "FLUMINA_BASE_MODEL", "FLUMINA_ADDON", "DRAFT_ADDON"];

/// The list's address: beside the inference API at the vendor, below the base URL if that is another
/// server's, like in the vendor's SDK.
pub fn part(base: &str) -> Option<ListingEndpoint> {
    let root = base.strip_suffix("/inference/v1").or_else(|| base.strip_suffix("/v1"))?;
    let label = String::new();
    Some(ListingEndpoint {
        shape: ListingFormat::Fireworks,
        base: format!("{root}/v1"),
        path: "/accounts/fireworks/models".into(),
        label,
    })
}

/// The query for a page of the largest size.
pub fn query(cursor: Option<&str>) -> String {
    let token = cursor.map(|token| format!("&pageToken={}", encoded(token))).unwrap_or_default();
    format!("?pageSize=200{token}")
}

pub fn page(document: &Value) -> Result<ListingPage, String> {
    let next = super::token(document, "nextPageToken");
    // An empty last page leaves the list out.
    if next.is_none()
        && document
            .as_object()
            .is_some_and(|fields| fields.get("models").is_none() && fields.get("data").is_none())
    {
        return Ok(super::page(&[], None, read));
    }
    Ok(super::page(items(document, &["models", "data"])?, next, read))
}

fn read(raw: &Value) -> Option<ListingEntry> {
    let id = raw.get("name").or_else(|| raw.get("id"))?.as_str()?;
    let mut entry = entry(raw, id, raw.get("displayName").and_then(Value::as_str), facts::common(raw))?;
    let text = |name: &str| raw.get(name).and_then(Value::as_str);
    entry.writes_text = text("kind").is_none_or(|kind| !OTHER_KINDS.contains(&kind));
    let serverless = raw.get("supportsServerless").and_then(Value::as_bool).unwrap_or(true);
    entry.callable = serverless && text("state").is_none_or(|state| state == "READY");
    Some(entry)
}
