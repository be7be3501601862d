//! OpenRouter: OpenAI's shape by offset, with a total. Prices are per token. Without a filter on modalities it lists
//! models that write text. <https://openrouter.ai/docs/api-reference/list-available-models>

use super::facts;
use super::types::{ListingEntry, ListingPage, entry, items};
use serde_json::Value;

/// The largest page size.
const LIMIT: u64 = 1000;

/// The query for a page of the largest size.
pub fn query(cursor: Option<&str>) -> String {
    format!("?limit={LIMIT}&offset={}", cursor.unwrap_or("0"))
}

/// Parses the page at `cursor`. A list without a total is complete, as it was before there were pages.
pub fn page(document: &Value, cursor: Option<&str>) -> Result<ListingPage, String> {
    let items = items(document, &["data"])?;
    let offset: u64 = cursor.unwrap_or("0").parse().unwrap_or(0);
    let end = offset.saturating_add(items.len() as u64);
    let total = document.get("total_count").and_then(Value::as_u64).unwrap_or(end);
    if items.is_empty() && end < total {
        return Err(format!("it says that it lists {total} models, and the page at {offset} is empty"));
    }
    Ok(super::page(items, (end < total).then(|| end.to_string()), read))
}

fn read(raw: &Value) -> Option<ListingEntry> {
    let mut found = facts::common(raw);
    found.input_price = facts::price(raw.pointer("/pricing/prompt"), 1e6);
    found.output_price = facts::price(raw.pointer("/pricing/completion"), 1e6);
    let mut entry = entry(raw, raw.get("id")?.as_str()?, raw.get("name").and_then(Value::as_str), found)?;
    let written = raw.pointer("/architecture/output_modalities").and_then(Value::as_array);
    entry.writes_text = written.is_none_or(|kinds| kinds.iter().any(|kind| kind == "text"));
    Some(entry)
}
