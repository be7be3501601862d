//! Bedrock `ConverseStream`: binary frames of the AWS event stream with checksums. Metadata comes after
//! `messageStop`; plain text blocks have no start event; reasoning has no count.

use super::{Closing, Finish, ResponseWriter, SimTextPiece};
use crate::providers::protocols::Channel;
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::{Value, json};

pub struct ConverseWriter {
    open: Option<Channel>,
    index: u64,
    prompt_tokens: u64,
}

impl ConverseWriter {
    /// Starts an answer to a prompt of this many tokens.
    pub fn new(prompt_tokens: u64) -> Self {
        Self { open: None, index: 0, prompt_tokens }
    }

    fn stop_block(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            event(out, "contentBlockStop", &json!({"contentBlockIndex": self.index}));
            self.index += 1;
        }
    }
}

impl ResponseWriter for ConverseWriter {
    fn opening(&mut self, out: &mut Vec<u8>) {
        event(out, "messageStart", &json!({"p": "abcdefgh", "role": "assistant"}));
    }

    fn is_text(&self) -> bool {
        false
    }

    fn shows_reasoning(&self) -> bool {
        true
    }

    fn piece(&mut self, out: &mut Vec<u8>, piece: SimTextPiece<'_>) {
        if self.open != Some(piece.channel) {
            self.stop_block(out);
            self.open = Some(piece.channel);
        }
        let mut payload = format!("{{\"contentBlockIndex\":{},\"delta\":{{", self.index).into_bytes();
        let (before, after): (&[u8], &[u8]) = match piece.channel {
            Channel::Visible => (b"\"text\":\"", b"\"},\"p\":\"abcd\"}"),
            Channel::Reasoning => (b"\"reasoningContent\":{\"text\":\"", b"\"}},\"p\":\"abcd\"}"),
        };
        for bytes in [before, piece.text, after] {
            payload.extend_from_slice(bytes);
        }
        frame(out, [(":event-type", "contentBlockDelta"), (":message-type", "event")], payload);
    }

    fn empty(&mut self, out: &mut Vec<u8>) {
        event(out, "contentBlockDelta", &json!({"contentBlockIndex": self.index, "delta": {"text": ""}}));
    }

    /// A frame whose checksum does not fit.
    fn malformed(&mut self, out: &mut Vec<u8>) {
        event(
            out,
            "contentBlockDelta",
            &json!({"contentBlockIndex": self.index, "delta": {"text": " broken"}}),
        );
        if let Some(last) = out.last_mut() {
            *last ^= 0xff;
        }
    }

    fn error(&mut self, out: &mut Vec<u8>) {
        let payload = json!({"message": "Too many tokens, please wait before trying again."});
        let headers = [(":exception-type", "throttlingException"), (":message-type", "exception")];
        frame(out, headers, payload.to_string().into_bytes());
    }

    fn closing(&mut self, out: &mut Vec<u8>, closing: &Closing) {
        self.stop_block(out);
        let reason = match closing.finish {
            Finish::Stop => "end_turn",
            Finish::Length => "max_tokens",
        };
        event(out, "messageStop", &json!({"p": "abcd", "stopReason": reason}));
        let output = closing.visible + closing.reasoning;
        let latency = (closing.timing.now * 1000.0).round() as u64;
        let mut metadata = json!({"metrics": {"latencyMs": latency}, "p": "abcd"});
        if closing.usage {
            metadata["usage"] = json!({
                "inputTokens": self.prompt_tokens,
                "outputTokens": output,
                "totalTokens": self.prompt_tokens + output,
                "cacheReadInputTokens": 0,
                "cacheWriteInputTokens": 0,
            });
        }
        event(out, "metadata", &metadata);
    }
}

fn event(out: &mut Vec<u8>, kind: &str, payload: &Value) {
    frame(out, [(":event-type", kind), (":message-type", "event")], payload.to_string().into_bytes());
}

fn frame(out: &mut Vec<u8>, headers: [(&'static str, &str); 2], payload: Vec<u8>) {
    let text = |value: &str| HeaderValue::String(value.to_owned().into());
    let [(kind_name, kind), (type_name, message_type)] = headers;
    let message = Message::new(payload)
        .add_header(Header::new(kind_name, text(kind)))
        .add_header(Header::new(":content-type", text("application/json")))
        .add_header(Header::new(type_name, text(message_type)));
    // Fails only for headers longer than 32 KB; these are constants.
    let written = write_message_to(&message, out);
    debug_assert!(written.is_ok());
}
