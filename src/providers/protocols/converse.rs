//! Bedrock `ConverseStream`: the request body, and the binary frames of the answer
//! (`application/vnd.amazon.eventstream`). The frames are read from the recording, because an SDK's own reader shows
//! no stamps; the SDK's code checks the checksums.

use super::collector::{DecodedStreamBuilder, foreign, keep, shown};
use super::lenient::{Count, LenientString, or_default};
use super::{Channel, DecodedStream, Quirks, StreamError, Usage, error_body, request, timing};
use crate::domain::GenerationRequest;
use crate::wire::Recording;
use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::event_stream::Message;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The longest frame that the format allows, in bytes.
const LONGEST_FRAME: usize = 16 * 1024 * 1024;
/// The shortest frame, in bytes: two lengths and two checksums.
const SHORTEST_FRAME: usize = 16;

/// The request body; the model stands in the URL. This format has a separate object for a model's own fields.
pub(super) fn body(ask: &GenerationRequest, quirks: &Quirks) -> Value {
    let mut inference = Map::new();
    inference.insert("maxTokens".into(), json!(ask.max_output_tokens));
    if let Some(temperature) = request::temperature(ask, quirks) {
        inference.insert("temperature".into(), json!(temperature));
    }
    let mut body = Map::new();
    body.insert("messages".into(), json!([{"role": "user", "content": [{"text": ask.prompt}]}]));
    body.insert("inferenceConfig".into(), Value::Object(inference));
    if let Some(effort) = request::effort(ask) {
        body.insert("outputConfig".into(), json!({"effort": effort}));
    }
    request::merge(&mut body, &quirks.body);
    if let Some(fields) = request::extra_fields(ask) {
        body.insert("additionalModelRequestFields".into(), Value::Object(fields.clone()));
    }
    Value::Object(body)
}

/// Decodes a recorded stream. The metadata frame comes after `messageStop`, so reading continues to the body's end.
pub(super) fn decode(recording: &Recording) -> DecodedStream {
    let mut out = DecodedStreamBuilder::new(recording);
    let head = recording.head.as_ref();
    keep(&mut out.answer.response_id, head.and_then(|head| head.header("x-amzn-requestid")));
    let body = &recording.body;
    if body.first().is_some_and(|first| *first > 1) {
        // A frame begins with its length, at most 16 MiB: this is another kind of body.
        match error_body(body) {
            Some(error) => out.error(error),
            None => foreign(body, &mut out),
        }
        return out.answer;
    }
    let mut position = 0;
    while position < body.len() {
        let number = out.answer.events + 1;
        let length = match frame_length(&body[position..]) {
            Frame::Whole(length) => length,
            Frame::Cut => {
                out.cut(format!("the body ends in the middle of frame {number}"));
                break;
            }
            Frame::Nonsense(length) => {
                out.malformed(format!("frame {number} says that it is {length} bytes long"));
                break;
            }
        };
        out.begin(position + length - 1);
        if let Err(problem) = frame(body.slice(position..position + length), &mut out) {
            out.malformed(format!("frame {} {problem}", out.answer.events));
            break;
        }
        position += length;
    }
    out.answer
}

/// The frame at the head of some bytes, by its own length.
enum Frame {
    /// A complete frame of this many bytes.
    Whole(usize),
    /// The bytes end before the frame does.
    Cut,
    /// An impossible frame length.
    Nonsense(u32),
}

fn frame_length(rest: &[u8]) -> Frame {
    let Some(first) = rest.first_chunk() else { return Frame::Cut };
    let said = u32::from_be_bytes(*first);
    match usize::try_from(said) {
        Ok(length) if (SHORTEST_FRAME..=LONGEST_FRAME).contains(&length) => {
            if length <= rest.len() {
                Frame::Whole(length)
            } else {
                Frame::Cut
            }
        }
        _ => Frame::Nonsense(said),
    }
}

fn frame(bytes: bytes::Bytes, out: &mut DecodedStreamBuilder<'_>) -> Result<(), String> {
    let message = read_message_from(bytes).map_err(|error| format!("is damaged ({error})"))?;
    let payload = message.payload();
    match header(&message, ":message-type") {
        Some("exception") => exception(header(&message, ":exception-type"), payload, out),
        Some("error") => out.error(StreamError {
            code: header(&message, ":error-code").map(str::to_owned),
            message: header(&message, ":error-message").unwrap_or("error").to_owned(),
            ..StreamError::default()
        }),
        _ => {
            let kind = header(&message, ":event-type").unwrap_or_default();
            let taken = match out.repaired(payload) {
                Some(text) => event(kind, text.as_bytes(), out),
                None => event(kind, payload, out),
            };
            return taken.map_err(|error| format!("is no JSON as expected ({error}): {}", shown(payload)));
        }
    }
    Ok(())
}

fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    let header = message.headers().iter().find(|header| header.name().as_str() == name)?;
    header.value().as_string().ok().map(|text| text.as_str())
}

/// `throttlingException`, `modelStreamErrorException`, …: the type is the code.
fn exception(kind: Option<&str>, payload: &[u8], out: &mut DecodedStreamBuilder<'_>) {
    let shape = error_body(payload).unwrap_or_else(|| StreamError {
        message: String::from_utf8_lossy(payload).into(),
        ..StreamError::default()
    });
    out.error(StreamError { code: kind.map(str::to_owned).or(shape.code.clone()), ..shape });
}

/// The union of all frames' fields; each kind has some of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ConversePayload<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    delta: ContentDelta<'a>,
    #[serde(borrow)]
    stop_reason: LenientString<'a>,
    usage: Option<TokenUsage>,
    metrics: Option<ConverseMetrics>,
    #[serde(borrow, deserialize_with = "or_default")]
    service_tier: ServiceTier<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContentDelta<'a> {
    #[serde(borrow)]
    text: LenientString<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    reasoning_content: TextDelta<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    tool_use: ToolDelta<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TextDelta<'a> {
    #[serde(borrow)]
    text: LenientString<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToolDelta<'a> {
    #[serde(borrow)]
    input: LenientString<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ServiceTier<'a> {
    #[serde(borrow, rename = "type")]
    kind: LenientString<'a>,
}

/// Counts; the reported input excludes tokens read from or written to a cache, as Anthropic's does.
/// There is no count of reasoning.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TokenUsage {
    input_tokens: Count,
    output_tokens: Count,
    total_tokens: Count,
    cache_read_input_tokens: Count,
    cache_write_input_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ConverseMetrics {
    latency_ms: Option<f64>,
}

fn event(kind: &str, data: &[u8], out: &mut DecodedStreamBuilder<'_>) -> serde_json::Result<()> {
    if !matches!(kind, "contentBlockDelta" | "messageStop" | "metadata") {
        return Ok(());
    }
    let payload: ConversePayload<'_> = serde_json::from_slice(data)?;
    out.text(Channel::Reasoning, payload.delta.reasoning_content.text.into_text());
    out.text(Channel::Visible, payload.delta.text.into_text());
    out.text(Channel::Visible, payload.delta.tool_use.input.into_text());
    keep(&mut out.answer.finish_reason, payload.stop_reason.get());
    keep(&mut out.answer.service_tier, payload.service_tier.kind.get());
    if let Some(usage) = payload.usage {
        out.usage(Usage::from(&usage));
    }
    // `latencyMs`, the whole request; kept in seconds, so without the unit.
    let latency = payload.metrics.and_then(|metrics| metrics.latency_ms).map(|value| value / 1000.0);
    timing::put(&mut out.answer.provider_timing, "latency", latency);
    Ok(())
}

impl From<&TokenUsage> for Usage {
    fn from(usage: &TokenUsage) -> Self {
        let (read, written) = (usage.cache_read_input_tokens, usage.cache_write_input_tokens);
        let cached = [read, written].into_iter().filter_map(Count::whole).fold(0, u64::saturating_add);
        let (fresh, output, total) = (usage.input_tokens, usage.output_tokens, usage.total_tokens);
        Usage {
            input: fresh.whole().map(|fresh| fresh.saturating_add(cached)),
            cached_input: read.whole(),
            output: output.whole(),
            total: total.whole(),
            odd: Count::first_odd(&[fresh, read, written, output, total]),
            ..Usage::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::ask;
    use super::*;

    #[test]
    fn the_models_own_fields_have_their_own_place() {
        assert_eq!(
            body(
                &ask(json!({"additional_model_request_fields": {"a": 1}, "reasoning_effort": null})),
                &Quirks::default()
            ),
            json!({
                "messages": [{"role": "user", "content": [{"text": "Tell."}]}],
                "inferenceConfig": {"maxTokens": 64, "temperature": 0.1},
                "additionalModelRequestFields": {"a": 1},
            })
        );
    }
}
