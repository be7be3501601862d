//! Tables of the dialects: label, path, request body, end marker, and the file that decodes each.

use super::{
    DecodedStream, Dialect, Quirks, chat, completions, converse, encoding, error_body, gemini, messages,
    responses,
};
use crate::domain::GenerationRequest;
use crate::wire::Recording;
use serde_json::Value;

impl Dialect {
    pub const ALL: [Dialect; 6] = [
        Dialect::Chat,
        Dialect::Responses,
        Dialect::Completions,
        Dialect::Messages,
        Dialect::Gemini,
        Dialect::Converse,
    ];

    /// The label that rows carry: `openai_responses_stream`, `groq_chat_completions_stream`, ….
    pub fn request_mode(self, provider: &str) -> String {
        let family = match self {
            Dialect::Chat => "chat_completions",
            Dialect::Responses => "responses",
            Dialect::Completions => "completions",
            Dialect::Messages => "messages",
            Dialect::Gemini => "gemini",
            Dialect::Converse => "converse",
        };
        format!("{provider}_{family}_stream")
    }

    /// The path to post to, below a host's base path, percent-encoded.
    pub fn path(self, model_id: &str) -> String {
        match self {
            Dialect::Chat => "/chat/completions".to_owned(),
            Dialect::Responses => "/responses".to_owned(),
            Dialect::Completions => "/completions".to_owned(),
            Dialect::Messages => "/messages".to_owned(),
            Dialect::Gemini => format!("/models/{}:streamGenerateContent?alt=sse", percent_encoded(model_id)),
            Dialect::Converse => format!("/model/{}/converse-stream", percent_encoded(model_id)),
        }
    }

    /// The request body that asks for a stream. For Converse the provider's SDK builds the body that
    /// is sent; this is an equivalent.
    pub fn body(self, ask: &GenerationRequest, quirks: &Quirks) -> Value {
        match self {
            Dialect::Chat => chat::body(ask, quirks),
            Dialect::Responses => responses::body(ask, quirks),
            Dialect::Completions => completions::body(ask, quirks),
            Dialect::Messages => messages::body(ask, quirks),
            Dialect::Gemini => gemini::body(ask, quirks),
            Dialect::Converse => converse::body(ask, quirks),
        }
    }

    /// The smallest output budget that the API accepts.
    pub fn smallest_budget(self) -> u32 {
        if self == Dialect::Responses { responses::SMALLEST_BUDGET } else { 1 }
    }

    /// Bytes that end a stream if they stand at the start of a line, even if the connection stays open; `None` if
    /// only the end of the HTTP body ends it. They cannot stand there inside an answer: JSON holds no raw line feed.
    /// Responses has none, because the line that names its last event comes before that event's data.
    pub fn end_marker(self) -> Option<&'static [u8]> {
        match self {
            Dialect::Chat | Dialect::Completions => Some(b"data: [DONE]"),
            Dialect::Messages => Some(b"event: message_stop"),
            Dialect::Responses | Dialect::Gemini | Dialect::Converse => None,
        }
    }

    /// True if every whole answer reports its counts, always or because the request asks for them.
    pub fn promises_usage(self, quirks: &Quirks) -> bool {
        let asked = !(matches!(self, Dialect::Chat | Dialect::Completions) && quirks.no_usage_option);
        asked || quirks.usage_unasked
    }

    /// The `token_source` of a row whose output count the provider reported.
    pub fn usage_label(self) -> &'static str {
        match self {
            Dialect::Chat | Dialect::Completions => "provider_usage_completion_tokens",
            Dialect::Responses | Dialect::Messages | Dialect::Converse => "provider_usage_output_tokens",
            Dialect::Gemini => "provider_usage_candidates_tokens",
        }
    }

    /// Decodes a recorded answer to a 200. Never fails: the result holds the errors.
    pub fn decode(self, recording: &Recording, quirks: &Quirks) -> DecodedStream {
        if let Some(answer) = packed(recording) {
            return answer;
        }
        let mut answer = match self {
            Dialect::Chat | Dialect::Completions => chat::decode(recording),
            Dialect::Responses => responses::decode(recording),
            Dialect::Messages => messages::decode(recording),
            Dialect::Gemini => gemini::decode(recording),
            Dialect::Converse => converse::decode(recording),
        };
        if let Some(usage) = &mut answer.usage {
            usage.source = self.usage_label();
            usage.output_excludes_reasoning |= quirks.output_excludes_reasoning || usage.counts_disagree();
        }
        answer
    }
}

/// Decodes a compressed answer to a 200: the error in it, or the finding that it is no stream that can be timed.
fn packed(recording: &Recording) -> Option<DecodedStream> {
    let head = recording.head.as_ref()?;
    let coding = encoding::coding(head, &recording.body)?;
    let error = error_body(&encoding::unpacked(head, &recording.body));
    let coding: String = coding.escape_debug().take(40).collect();
    let malformed = format!("the answer is compressed ({coding}), although it was asked for plain");
    Some(DecodedStream { error, malformed: Some(malformed), ..DecodedStream::default() })
}

/// Percent-encodes everything but RFC 3986's unreserved characters, as AWS signs paths.
pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut path, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                path.push(char::from(byte))
            }
            _ => path.push_str(&format!("%{byte:02X}")),
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_the_contracts() {
        assert_eq!(Dialect::Responses.request_mode("openai"), "openai_responses_stream");
        assert_eq!(Dialect::Chat.request_mode("groq"), "groq_chat_completions_stream");
        assert_eq!(Dialect::Messages.request_mode("anthropic"), "anthropic_messages_stream");
        assert_eq!(Dialect::Converse.request_mode("bedrock"), "bedrock_converse_stream");
    }

    #[test]
    fn usage_is_promised_where_it_is_asked_for_or_always_sent() {
        let quirks =
            |no_usage_option, usage_unasked| Quirks { no_usage_option, usage_unasked, ..Quirks::default() };
        assert!(Dialect::Chat.promises_usage(&quirks(false, false)));
        assert!(!Dialect::Chat.promises_usage(&quirks(true, false)));
        assert!(Dialect::Chat.promises_usage(&quirks(true, true)));
        assert!(Dialect::Gemini.promises_usage(&quirks(true, false)));
    }

    #[test]
    fn model_ids_in_paths_are_encoded() {
        assert_eq!(
            Dialect::Converse.path("us.amazon.nova-pro-v1:0"),
            "/model/us.amazon.nova-pro-v1%3A0/converse-stream"
        );
        assert_eq!(
            Dialect::Gemini.path("gemini-2.5-pro"),
            "/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
        );
        assert_eq!(Dialect::Converse.path("é/?"), "/model/%C3%A9%2F%3F/converse-stream");
    }
}
