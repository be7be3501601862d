//! Gemini `streamGenerateContent` with `alt=sse`: the request body, and the chunks of the stream. There are no event
//! names and no end marker; counts come with every chunk and are cumulative.

use super::collector::{DecodedStreamBuilder, StreamFormat, decode as decode_events, keep};
use super::lenient::{Count, First, LenientString, or_default};
use super::{Channel, DecodedStream, Quirks, Usage, error_body, request};
use crate::domain::GenerationRequest;
use crate::wire::Recording;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The request body; the model stands in the URL.
pub(super) fn body(ask: &GenerationRequest, quirks: &Quirks) -> Value {
    let mut generation = Map::new();
    generation.insert("maxOutputTokens".into(), json!(ask.max_output_tokens));
    if let Some(temperature) = request::temperature(ask, quirks) {
        generation.insert("temperature".into(), json!(temperature));
    }
    if let Some(seed) = request::seed(ask, quirks) {
        generation.insert("seed".into(), json!(seed));
    }
    if let Some(effort) = request::effort(ask) {
        generation.insert("thinkingConfig".into(), thinking(effort));
    }
    let mut body = Map::new();
    body.insert("contents".into(), json!([{"role": "user", "parts": [{"text": ask.prompt}]}]));
    body.insert("generationConfig".into(), Value::Object(generation));
    request::finished(body, ask, quirks)
}

/// Gemini 2.5 takes a budget in tokens (0 off, -1 automatic), Gemini 3 a level in capitals: a number is a budget.
fn thinking(effort: &str) -> Value {
    match effort.parse::<i64>() {
        Ok(budget) => json!({"thinkingBudget": budget}),
        Err(_) => json!({"thinkingLevel": effort.to_uppercase()}),
    }
}

pub(super) fn decode(recording: &Recording) -> DecodedStream {
    decode_events(recording, GeminiFormat)
}

struct GeminiFormat;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GeminiChunk<'a> {
    #[serde(borrow)]
    candidates: First<GeminiCandidate<'a>>,
    usage_metadata: Option<Box<UsageMetadata>>,
    #[serde(borrow)]
    model_version: LenientString<'a>,
    #[serde(borrow)]
    response_id: LenientString<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    prompt_feedback: PromptFeedback<'a>,
    error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GeminiCandidate<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    content: GeminiContent<'a>,
    #[serde(borrow)]
    finish_reason: LenientString<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GeminiContent<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    parts: Vec<GeminiPart<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GeminiPart<'a> {
    #[serde(borrow)]
    text: LenientString<'a>,
    thought: Option<bool>,
    function_call: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PromptFeedback<'a> {
    #[serde(borrow)]
    block_reason: LenientString<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct UsageMetadata {
    prompt_token_count: Count,
    candidates_token_count: Count,
    thoughts_token_count: Count,
    cached_content_token_count: Count,
    total_token_count: Count,
    traffic_type: Option<String>,
}

impl StreamFormat for GeminiFormat {
    fn event(
        &mut self,
        _: Option<&str>,
        data: &[u8],
        out: &mut DecodedStreamBuilder<'_>,
    ) -> serde_json::Result<()> {
        let chunk: GeminiChunk<'_> = serde_json::from_slice(data)?;
        keep(&mut out.answer.response_id, chunk.response_id.get());
        keep(&mut out.answer.response_model, chunk.model_version.get());
        keep(&mut out.answer.finish_reason, chunk.prompt_feedback.block_reason.get());
        if let Some(candidate) = chunk.candidates.0 {
            keep(&mut out.answer.finish_reason, candidate.finish_reason.get());
            candidate.content.parts.into_iter().for_each(|part| note_part(part, out));
        }
        if let Some(usage) = chunk.usage_metadata {
            keep(&mut out.answer.service_tier, usage.traffic_type.as_deref());
            out.usage(Usage::from(&*usage));
        }
        if let Some(error) = chunk.error.filter(error_body::is_truthy) {
            out.error(error_body::from_value(&error, &Value::Null));
        }
        Ok(())
    }
}

fn note_part(part: GeminiPart<'_>, out: &mut DecodedStreamBuilder<'_>) {
    let channel = if part.thought == Some(true) { Channel::Reasoning } else { Channel::Visible };
    out.text(channel, part.text.into_text());
    if let Some(call) = part.function_call {
        out.text(Channel::Visible, call.to_string().into());
    }
}

impl From<&UsageMetadata> for Usage {
    /// `candidatesTokenCount` counts visible text alone.
    fn from(usage: &UsageMetadata) -> Self {
        let (input, cached) = (usage.prompt_token_count, usage.cached_content_token_count);
        let (output, thoughts) = (usage.candidates_token_count, usage.thoughts_token_count);
        let total = usage.total_token_count;
        Usage {
            input: input.whole(),
            cached_input: cached.whole(),
            output: output.whole(),
            reasoning: thoughts.whole(),
            total: total.whole(),
            odd: Count::first_odd(&[input, cached, output, thoughts, total]),
            output_excludes_reasoning: true,
            source: "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::ask;
    use super::*;

    #[test]
    fn the_body_nests_what_shapes_generation() {
        assert_eq!(
            body(&ask(json!({})), &Quirks::default()),
            json!({
                "contents": [{"role": "user", "parts": [{"text": "Tell."}]}],
                "generationConfig": {
                    "maxOutputTokens": 64,
                    "temperature": 0.1,
                    "thinkingConfig": {"thinkingLevel": "LOW"},
                },
            })
        );
        assert_eq!(thinking("-1"), json!({"thinkingBudget": -1}));
    }
}
