//! Anthropic Messages, on Anthropic's own host and on Vertex: the request body, and the typed events of the stream.

use super::collector::{DecodedStreamBuilder, StreamFormat, decode as decode_events, keep};
use super::lenient::{Count, LenientString, or_default};
use super::{Channel, DecodedStream, Quirks, Usage, error_body, request};
use crate::domain::GenerationRequest;
use crate::wire::Recording;
use serde::Deserialize;
use serde_json::{Value, json};

/// The request body. On Vertex the model stands in the URL alone, and `anthropic_version`
/// in the body (a host's quirk).
pub(super) fn body(ask: &GenerationRequest, quirks: &Quirks) -> Value {
    let mut body = serde_json::Map::new();
    if !quirks.model_in_url {
        body.insert("model".into(), json!(ask.model_id));
    }
    body.insert("max_tokens".into(), json!(ask.max_output_tokens));
    body.insert("messages".into(), request::user_message(ask));
    body.insert("stream".into(), json!(true));
    if let Some(temperature) = request::temperature(ask, quirks) {
        body.insert("temperature".into(), json!(temperature));
    }
    if let Some(effort) = request::effort(ask) {
        body.insert("output_config".into(), json!({"effort": effort}));
    }
    request::finished(body, ask, quirks)
}

pub(super) fn decode(recording: &Recording) -> DecodedStream {
    decode_events(recording, MessagesFormat::default())
}

/// The parts of the input count; they are reported separately and may be reported again.
#[derive(Default)]
struct MessagesFormat {
    fresh: Option<u64>,
    written: Option<u64>,
    read: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MessagesEvent<'a> {
    #[serde(borrow, rename = "type")]
    kind: LenientString<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    delta: MessagesDelta<'a>,
    /// A block may begin with text.
    #[serde(borrow, deserialize_with = "or_default")]
    content_block: MessagesDelta<'a>,
    message: Option<Box<Message>>,
    usage: Option<Box<MessageUsage>>,
    error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MessagesDelta<'a> {
    #[serde(borrow)]
    text: LenientString<'a>,
    #[serde(borrow)]
    thinking: LenientString<'a>,
    #[serde(borrow)]
    partial_json: LenientString<'a>,
    #[serde(borrow)]
    stop_reason: LenientString<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    id: Option<String>,
    model: Option<String>,
    usage: Option<MessageUsage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MessageUsage {
    input_tokens: Count,
    cache_creation_input_tokens: Count,
    cache_read_input_tokens: Count,
    output_tokens: Count,
    #[serde(deserialize_with = "or_default")]
    output_tokens_details: MessagesTokenDetails,
    service_tier: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MessagesTokenDetails {
    thinking_tokens: Count,
}

impl StreamFormat for MessagesFormat {
    fn event(
        &mut self,
        _: Option<&str>,
        data: &[u8],
        out: &mut DecodedStreamBuilder<'_>,
    ) -> serde_json::Result<()> {
        let event: MessagesEvent<'_> = serde_json::from_slice(data)?;
        keep(&mut out.answer.finish_reason, event.delta.stop_reason.get());
        for piece in [event.content_block, event.delta] {
            out.text(Channel::Reasoning, piece.thinking.into_text());
            out.text(Channel::Visible, piece.text.into_text());
            out.text(Channel::Visible, piece.partial_json.into_text());
        }
        // Proxies may send message_start twice: nothing here is reset.
        if let Some(message) = event.message {
            keep(&mut out.answer.response_id, message.id.as_deref());
            keep(&mut out.answer.response_model, message.model.as_deref());
            // The output count of message_start is a placeholder, often 1.
            let usage = message.usage.map(|usage| MessageUsage { output_tokens: Count::Absent, ..usage });
            usage.iter().for_each(|usage| self.count(usage, out));
        }
        if let Some(usage) = event.usage {
            self.count(&usage, out);
        }
        if event.kind.get() == Some("error") || event.error.as_ref().is_some_and(error_body::is_truthy) {
            error_body(data).into_iter().for_each(|error| out.error(error));
        }
        Ok(())
    }
}

impl MessagesFormat {
    /// Input is the sum of its three parts; output is cumulative and includes thinking.
    fn count(&mut self, usage: &MessageUsage, out: &mut DecodedStreamBuilder<'_>) {
        let (fresh, written) = (usage.input_tokens, usage.cache_creation_input_tokens);
        let (read, output) = (usage.cache_read_input_tokens, usage.output_tokens);
        let thinking = usage.output_tokens_details.thinking_tokens;
        self.fresh = fresh.whole().or(self.fresh);
        self.written = written.whole().or(self.written);
        self.read = read.whole().or(self.read);
        let parts = [self.fresh, self.written, self.read];
        let known = parts.iter().any(Option::is_some);
        keep(&mut out.answer.service_tier, usage.service_tier.as_deref());
        out.usage(Usage {
            input: known.then(|| parts.into_iter().flatten().fold(0, u64::saturating_add)),
            cached_input: self.read,
            output: output.whole(),
            reasoning: thinking.whole(),
            odd: Count::first_odd(&[fresh, written, read, output, thinking]),
            ..Usage::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::ask;
    use super::*;

    #[test]
    fn the_body_has_a_budget_and_no_usage_option() {
        assert_eq!(
            body(&ask(json!({"omit_temperature": true})), &Quirks::default()),
            json!({
                "model": "m",
                "max_tokens": 64,
                "messages": [{"role": "user", "content": "Tell."}],
                "stream": true,
                "output_config": {"effort": "low"},
            })
        );
    }

    #[test]
    fn vertex_has_the_model_in_the_url_and_the_version_in_the_body() {
        let own = json!({"anthropic_version": "vertex-2023-10-16"});
        let quirks = Quirks {
            model_in_url: true,
            body: own.as_object().cloned().unwrap_or_default(),
            ..Quirks::default()
        };
        let body = body(&ask(json!({})), &quirks);
        assert_eq!(body.get("model"), None);
        assert_eq!(body["anthropic_version"], json!("vertex-2023-10-16"));
    }
}
