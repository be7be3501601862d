//! DeepInfra: OpenAI's shape with a `metadata` that is null for models that are not for chat; prices
//! are for a million tokens. <https://deepinfra.com/docs/openai_api>

use super::facts;
use super::types::{ListingEntry, ListingPage, entry, items};
use serde_json::Value;

/// Tags of models that write no text.
const OTHER_TAGS: &[&str] = &["image-gen", "video-gen", "embeddings", "tts", "asr"];

pub fn page(document: &Value) -> Result<ListingPage, String> {
    Ok(super::page(items(document, &["data"])?, None, read))
}

/// Parses the older list, `/models/list`, for the facts that it alone states.
pub fn facts_page(document: &Value) -> Result<ListingPage, String> {
    let named = |raw: &Value| entry(raw, raw.get("model_name")?.as_str()?, None, facts::common(raw));
    Ok(super::page(items(document, &["data"])?, None, named))
}

fn read(raw: &Value) -> Option<ListingEntry> {
    let mut found = facts::common(raw);
    found.max_output_tokens =
        raw.pointer("/metadata/max_tokens").and_then(Value::as_u64).filter(|most| *most > 0);
    found.input_price = facts::price(raw.pointer("/metadata/pricing/input_tokens"), 1.0);
    found.output_price = facts::price(raw.pointer("/metadata/pricing/output_tokens"), 1.0);
    let mut entry = entry(raw, raw.get("id")?.as_str()?, None, found)?;
    let tags = raw.pointer("/metadata/tags").and_then(Value::as_array);
    let other = tags.into_iter().flatten().filter_map(Value::as_str).any(|tag| OTHER_TAGS.contains(&tag));
    // An absent field means another server's list; null is DeepInfra's way to say "no chat model".
    entry.writes_text = !other && raw.get("metadata").is_none_or(|metadata| !metadata.is_null());
    Some(entry)
}
