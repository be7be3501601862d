//! OpenAI Responses: the request body, and the typed events of the stream. There is no `[DONE]`; the last event is
//! `response.completed`, `.incomplete` or `.failed` and carries the counts.

use super::collector::{DecodedStreamBuilder, StreamFormat, decode as decode_events, keep};
use super::lenient::{Count, LenientString, or_default};
use super::{Channel, DecodedStream, Quirks, StreamError, Usage, error_body, request, timing};
use crate::domain::GenerationRequest;
use crate::wire::Recording;
use serde::Deserialize;
use serde_json::{Value, json};

/// The API refuses a smaller budget.
pub(super) const SMALLEST_BUDGET: u32 = 16;

/// The request body. Nothing is stored at the provider; counts always come, so there is no option for them.
pub(super) fn body(ask: &GenerationRequest, quirks: &Quirks) -> Value {
    let mut body = serde_json::Map::new();
    body.insert("model".into(), json!(ask.model_id));
    body.insert("input".into(), json!(ask.prompt));
    body.insert("stream".into(), json!(true));
    body.insert("max_output_tokens".into(), json!(ask.max_output_tokens));
    body.insert("store".into(), json!(false));
    if let Some(temperature) = request::temperature(ask, quirks) {
        body.insert("temperature".into(), json!(temperature));
    }
    if let Some(effort) = request::effort(ask) {
        body.insert("reasoning".into(), json!({"effort": effort}));
    }
    request::finished(body, ask, quirks)
}

pub(super) fn decode(recording: &Recording) -> DecodedStream {
    decode_events(recording, ResponsesFormat)
}

struct ResponsesFormat;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ResponsesEvent<'a> {
    #[serde(borrow, rename = "type")]
    kind: LenientString<'a>,
    #[serde(borrow)]
    delta: LenientString<'a>,
    response: Option<Box<Response>>,
    error: Option<Value>,
    /// llama.cpp: milliseconds, beside the response.
    timings: Option<Value>,
}

/// The parsed fields of the response object. Owned: it comes three times per stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Response {
    id: Option<String>,
    model: Option<String>,
    status: Option<String>,
    service_tier: Option<String>,
    error: Option<Value>,
    incomplete_details: Option<Value>,
    usage: Option<ResponseUsage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ResponseUsage {
    input_tokens: Count,
    output_tokens: Count,
    total_tokens: Count,
    #[serde(deserialize_with = "or_default")]
    input_tokens_details: ResponsesTokenDetails,
    #[serde(deserialize_with = "or_default")]
    output_tokens_details: ResponsesTokenDetails,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ResponsesTokenDetails {
    cached_tokens: Count,
    reasoning_tokens: Count,
}

impl StreamFormat for ResponsesFormat {
    fn event(
        &mut self,
        name: Option<&str>,
        data: &[u8],
        out: &mut DecodedStreamBuilder<'_>,
    ) -> serde_json::Result<()> {
        let event: ResponsesEvent<'_> = serde_json::from_slice(data)?;
        let kind = event.kind.get().or(name).unwrap_or_default();
        if let Some(channel) = channel(kind) {
            out.text(channel, event.delta.into_text());
        } else if kind == "error" || event.error.as_ref().is_some_and(error_body::is_truthy) {
            // Documented as flat, observed nested.
            let unknown = || StreamError { message: "error".into(), ..StreamError::default() };
            out.error(error_body(data).unwrap_or_else(unknown));
        } else if let Some(response) = event.response {
            note_response(kind, *response, out);
            if let Some(timings) = &event.timings {
                timing::from_llama(timings, &mut out.answer.provider_timing);
            }
        }
        Ok(())
    }
}

/// The channel of the events that carry text.
fn channel(kind: &str) -> Option<Channel> {
    match kind {
        "response.output_text.delta"
        | "response.refusal.delta"
        | "response.function_call_arguments.delta"
        | "response.custom_tool_call_input.delta" => Some(Channel::Visible),
        "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => Some(Channel::Reasoning),
        _ => None,
    }
}

fn note_response(kind: &str, response: Response, out: &mut DecodedStreamBuilder<'_>) {
    keep(&mut out.answer.response_id, response.id.as_deref());
    keep(&mut out.answer.response_model, response.model.as_deref());
    keep(&mut out.answer.response_status, response.status.as_deref());
    keep(&mut out.answer.service_tier, response.service_tier.as_deref());
    if let Some(usage) = &response.usage {
        out.usage(Usage::from(usage));
    }
    match ended(kind, response.status.as_deref()) {
        "completed" => keep(&mut out.answer.finish_reason, Some("completed")),
        "incomplete" => {
            let reason =
                response.incomplete_details.as_ref().and_then(|details| details.get("reason")?.as_str());
            keep(&mut out.answer.finish_reason, reason.or(Some("incomplete")));
        }
        how @ ("failed" | "cancelled") => {
            let unknown = json!(format!("the response {how} without saying why"));
            let error = response.error.filter(error_body::is_truthy).unwrap_or(unknown);
            out.error(error_body::from_value(&error, &Value::Null));
        }
        _ => {}
    }
}

/// The outcome that a response's last event names; if its status names a worse one, that counts.
fn ended<'a>(kind: &'a str, status: Option<&'a str>) -> &'a str {
    match (kind.strip_prefix("response."), status) {
        (Some("completed"), Some(worse @ ("incomplete" | "failed" | "cancelled"))) => worse,
        (Some(end), _) => end,
        (None, _) => kind,
    }
}

impl From<&ResponseUsage> for Usage {
    fn from(usage: &ResponseUsage) -> Self {
        let (cached, reasoning) =
            (usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens);
        let (input, output, total) = (usage.input_tokens, usage.output_tokens, usage.total_tokens);
        Usage::counted(input, cached, output, reasoning, total)
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::ask;
    use super::*;

    #[test]
    fn a_worse_status_wins_over_completed() {
        assert_eq!(ended("response.completed", Some("completed")), "completed");
        assert_eq!(ended("response.completed", Some("incomplete")), "incomplete");
        assert_eq!(ended("response.completed", Some("cancelled")), "cancelled");
        assert_eq!(ended("response.completed", Some("in_progress")), "completed");
        assert_eq!(ended("response.incomplete", Some("completed")), "incomplete");
        assert_eq!(ended("response.failed", None), "failed");
        assert_eq!(ended("response.created", Some("in_progress")), "created");
    }

    #[test]
    fn the_body_stores_nothing_and_nests_the_effort() {
        assert_eq!(
            body(&ask(json!({})), &Quirks::default()),
            json!({
                "model": "m",
                "input": "Tell.",
                "stream": true,
                "max_output_tokens": 64,
                "store": false,
                "temperature": 0.1,
                "reasoning": {"effort": "low"},
            })
        );
    }
}
