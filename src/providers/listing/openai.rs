//! OpenAI's shape, `{"data":[{"id":…}]}`, on one page: OpenAI, Groq, Cerebras, self-hosted servers; Together
//! leaves the object out and names a type. <https://platform.openai.com/docs/api-reference/models/list>,
//! <https://docs.together.ai/reference/models-1>

use super::facts;
use super::types::{ListingEntry, ListingPage, entry, items};
use serde_json::Value;

/// The types of Together that write no text; `chat`, `language` and `code` do.
const OTHER_TYPES: &[&str] = &["image", "embedding", "moderation", "rerank", "audio", "transcribe", "video"];

pub fn page(document: &Value) -> Result<ListingPage, String> {
    Ok(super::page(items(document, &["data", "models"])?, None, read))
}

fn read(raw: &Value) -> Option<ListingEntry> {
    let id = raw.get("id").or_else(|| raw.get("name"))?.as_str()?;
    let name = raw.get("display_name").or_else(|| raw.get("name")).and_then(Value::as_str);
    let mut found = facts::common(raw);
    // Together states a price per million tokens, Cerebras and APIs that copy OpenRouter one per token.
    found.input_price = facts::price(raw.pointer("/pricing/input"), 1.0)
        .or_else(|| facts::price(raw.pointer("/pricing/prompt"), 1e6));
    found.output_price = facts::price(raw.pointer("/pricing/output"), 1.0)
        .or_else(|| facts::price(raw.pointer("/pricing/completion"), 1e6));
    let mut entry = entry(raw, id, name, found)?;
    let kind = raw.get("type").and_then(Value::as_str);
    entry.writes_text = kind.is_none_or(|kind| !OTHER_TYPES.contains(&kind));
    Some(entry)
}
