//! Anthropic: `{"data":[…],"has_more":…,"last_id":…}`, the next page after the last id.
//! All entries are chat models. <https://docs.anthropic.com/en/api/models-list>

use super::facts;
use super::types::{ListingEntry, ListingPage, encoded, entry, items};
use serde_json::Value;

/// The query for a page of the largest size.
pub fn query(cursor: Option<&str>) -> String {
    let after = cursor.map(|id| format!("&after_id={}", encoded(id))).unwrap_or_default();
    format!("?limit=1000{after}")
}

pub fn page(document: &Value) -> Result<ListingPage, String> {
    let more = document.get("has_more").and_then(Value::as_bool).unwrap_or(false);
    let next = super::token(document, "last_id").filter(|_| more);
    if more && next.is_none() {
        return Err("it has more pages and does not name the next".to_owned());
    }
    Ok(super::page(items(document, &["data"])?, next, read))
}

fn read(raw: &Value) -> Option<ListingEntry> {
    let mut found = facts::common(raw);
    found.max_output_tokens = raw.get("max_tokens").and_then(Value::as_u64).filter(|most| *most > 0);
    entry(raw, raw.get("id")?.as_str()?, raw.get("display_name").and_then(Value::as_str), found)
}
