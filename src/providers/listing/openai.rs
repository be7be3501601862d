//! OpenAI's shape, `{"data":[{"id":…}]}`, on one page: OpenAI, Groq, Cerebras, self-hosted servers; Together
//! leaves the object out and names a type, Mistral names what a model can do, Azure names a deployment and how it stands.
//! <https://platform.openai.com/docs/api-reference/models/list>, <https://docs.together.ai/reference/models-1>,
//! <https://docs.mistral.ai/api/endpoint/models>, <https://novita.ai/docs/api-reference/model-apis-llm-list-models>

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
    // Novita states ten-thousandths of a dollar per million tokens.
    let novita = |name: &str| facts::price(raw.get(name), 1e-4);
    found.input_price = found.input_price.or_else(|| novita("input_token_price_per_m"));
    found.output_price = found.output_price.or_else(|| novita("output_token_price_per_m"));
    let mut entry = entry(raw, id, name.or(raw.get("title").and_then(Value::as_str)), found)?;
    let text = |name: &str| raw.get(name).and_then(Value::as_str);
    let chats = raw.pointer("/capabilities/completion_chat").and_then(Value::as_bool);
    entry.writes_text =
        text("type").or_else(|| text("model_type")).is_none_or(|kind| !OTHER_TYPES.contains(&kind))
            && chats != Some(false);
    // A deployment of Azure that is still being made, or was not.
    entry.callable =
        text("object") != Some("deployment") || text("status").is_none_or(|status| status == "succeeded");
    Some(entry)
}
