//! Anthropic Messages, also as Vertex serves it: named events, a placeholder count at the start, the cumulative one
//! at the end, pings, no `[DONE]`.

use super::sse::{NUMBER, SseFormat, TEXT, Template};
use super::{Closing, Finish, ResponseContext, ResponseWriter, SimTextPiece};
use crate::providers::protocols::Channel;
use crate::simulator::scenario::SimFault;
use serde_json::{Value, json};

pub struct MessagesWriter {
    setting: ResponseContext,
    sse: SseFormat,
    open: Option<Channel>,
    index: u64,
    visible: Template,
    reasoning: Template,
}

impl MessagesWriter {
    pub fn new(setting: ResponseContext, sse: SseFormat) -> Self {
        let template = |delta: Value| {
            let mut rendered = Vec::new();
            sse.typed(
                &mut rendered,
                &json!({"type": "content_block_delta", "index": NUMBER, "delta": delta}),
            );
            Template::new(&rendered)
        };
        let visible = template(json!({"type": "text_delta", "text": TEXT}));
        let reasoning = template(json!({"type": "thinking_delta", "thinking": TEXT}));
        Self { setting, sse, open: None, index: 0, visible, reasoning }
    }

    fn send(&self, out: &mut Vec<u8>, event: &Value) {
        self.sse.typed(out, event);
    }

    fn start_block(&mut self, out: &mut Vec<u8>, channel: Channel) {
        self.stop_block(out);
        self.open = Some(channel);
        let block = match channel {
            Channel::Visible => json!({"type": "text", "text": ""}),
            Channel::Reasoning => json!({"type": "thinking", "thinking": "", "signature": ""}),
        };
        let event = json!({"type": "content_block_start", "index": self.index, "content_block": block});
        self.send(out, &event);
        if self.index == 0 {
            self.send(out, &json!({"type": "ping"}));
        }
    }

    fn stop_block(&mut self, out: &mut Vec<u8>) {
        let Some(channel) = self.open.take() else { return };
        if channel == Channel::Reasoning {
            let delta = json!({"type": "signature_delta", "signature": "c2ltdWxhdG9y"});
            self.send(out, &json!({"type": "content_block_delta", "index": self.index, "delta": delta}));
        }
        self.send(out, &json!({"type": "content_block_stop", "index": self.index}));
        self.index += 1;
    }
}

impl ResponseWriter for MessagesWriter {
    fn opening(&mut self, out: &mut Vec<u8>) {
        let mut message = json!({
            "model": self.setting.ask.model,
            "id": format!("msg_{}", self.setting.id),
            "type": "message",
            "role": "assistant",
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
        });
        if self.setting.fault != SimFault::NoUsage {
            message["usage"] = json!({
                "input_tokens": self.setting.ask.prompt_tokens,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 1,
                "service_tier": "standard",
            });
        }
        self.send(out, &json!({"type": "message_start", "message": message}));
    }

    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        self.send(out, &json!({"type": "ping"}));
    }

    fn shows_reasoning(&self) -> bool {
        true
    }

    fn piece(&mut self, out: &mut Vec<u8>, piece: SimTextPiece<'_>) {
        if self.open != Some(piece.channel) {
            self.start_block(out, piece.channel);
        }
        let template = match piece.channel {
            Channel::Visible => &self.visible,
            Channel::Reasoning => &self.reasoning,
        };
        template.fill(out, piece.text, [self.index, 0]);
    }

    fn empty(&mut self, out: &mut Vec<u8>) {
        self.send(out, &json!({"type": "ping"}));
    }

    fn malformed(&mut self, out: &mut Vec<u8>) {
        let broken = "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" bro";
        self.sse.event(out, Some("content_block_delta"), broken);
    }

    fn error(&mut self, out: &mut Vec<u8>) {
        let error = json!({"type": "overloaded_error", "message": "Overloaded"});
        self.send(out, &json!({"type": "error", "error": error}));
    }

    fn closing(&mut self, out: &mut Vec<u8>, closing: &Closing) {
        self.stop_block(out);
        let reason = match closing.finish {
            Finish::Stop => "end_turn",
            Finish::Length => "max_tokens",
        };
        let delta = json!({"stop_reason": reason, "stop_sequence": null});
        let mut event = json!({"type": "message_delta", "delta": delta});
        if closing.usage {
            event["usage"] = json!({
                "input_tokens": self.setting.ask.prompt_tokens,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": closing.visible + closing.reasoning,
                "output_tokens_details": {"thinking_tokens": closing.reasoning},
            });
        }
        self.send(out, &event);
        self.send(out, &json!({"type": "message_stop"}));
    }
}
