//! OpenAI Responses: named, numbered events; usage on the terminal one; no `[DONE]`. Reasoning text stays hidden
//! unless the request asks for a summary.

use super::sse::{NUMBER, SseFormat, TEXT, Template};
use super::{Closing, Finish, ResponseContext, ResponseWriter, SimTextPiece};
use crate::providers::protocols::Channel;
use crate::simulator::sample_text;
use serde_json::{Value, json};

pub struct ResponsesWriter {
    setting: ResponseContext,
    sse: SseFormat,
    sequence: u64,
    /// The open item, and its index in the output.
    open: Option<Channel>,
    index: u64,
    said: [u64; 2],
    finished: Vec<Value>,
    visible: Option<Template>,
    reasoning: Option<Template>,
}

impl ResponsesWriter {
    pub fn new(setting: ResponseContext, sse: SseFormat) -> Self {
        Self {
            setting,
            sse,
            sequence: 0,
            open: None,
            index: 0,
            said: [0, 0],
            finished: Vec::new(),
            visible: None,
            reasoning: None,
        }
    }

    fn send(&mut self, out: &mut Vec<u8>, mut event: Value) {
        event["sequence_number"] = json!(self.sequence);
        self.sequence += 1;
        self.sse.typed(out, &event);
    }

    fn item_id(&self, channel: Channel) -> String {
        let prefix = if channel == Channel::Visible { "msg" } else { "rs" };
        format!("{prefix}_{}", self.setting.id)
    }

    fn text(&self, channel: Channel) -> String {
        sample_text::text(channel, self.setting.fault, self.said[channel as usize])
    }

    fn item(&self, channel: Channel, status: &str) -> Value {
        let done = status != "in_progress";
        let id = self.item_id(channel);
        if channel == Channel::Reasoning {
            let summary = json!({"type": "summary_text", "text": self.text(channel)});
            let summary = if done { vec![summary] } else { Vec::new() };
            return json!({"id": id, "type": "reasoning", "summary": summary});
        }
        let part =
            json!({"type": "output_text", "annotations": [], "logprobs": [], "text": self.text(channel)});
        let content = if done { vec![part] } else { Vec::new() };
        json!({"id": id, "type": "message", "status": status, "content": content, "role": "assistant"})
    }

    fn envelope(&self, status: &str) -> Value {
        json!({
            "id": format!("resp_{}", self.setting.id),
            "object": "response",
            "created_at": self.setting.created,
            "status": status,
            "error": null,
            "incomplete_details": null,
            "max_output_tokens": self.setting.ask.budget,
            "model": self.setting.ask.model,
            "output": self.finished,
            "service_tier": "default",
            "usage": null,
        })
    }

    fn part_events(&self, channel: Channel, verb: &str, text: &str) -> Value {
        let (kind, place, part) = match channel {
            Channel::Visible => (
                "content_part",
                "content_index",
                json!({"type": "output_text", "annotations": [], "text": text}),
            ),
            Channel::Reasoning => {
                ("reasoning_summary_part", "summary_index", json!({"type": "summary_text", "text": text}))
            }
        };
        json!({
            "type": format!("response.{kind}.{verb}"),
            "item_id": self.item_id(channel),
            "output_index": self.index,
            (place): 0,
            "part": part,
        })
    }

    fn text_event(&self, channel: Channel, verb: &str, field: &str, text: &str) -> Value {
        let (kind, place) = match channel {
            Channel::Visible => ("output_text", "content_index"),
            Channel::Reasoning => ("reasoning_summary_text", "summary_index"),
        };
        json!({
            "type": format!("response.{kind}.{verb}"),
            "item_id": self.item_id(channel),
            "output_index": self.index,
            (place): 0,
            (field): text,
        })
    }

    fn open_item(&mut self, out: &mut Vec<u8>, channel: Channel) {
        self.close_item(out, "completed");
        self.open = Some(channel);
        let item = self.item(channel, "in_progress");
        self.send(
            out,
            json!({"type": "response.output_item.added", "output_index": self.index, "item": item}),
        );
        let part = self.part_events(channel, "added", "");
        self.send(out, part);
        let template = Some(self.delta_template(channel));
        match channel {
            Channel::Visible => self.visible = template,
            Channel::Reasoning => self.reasoning = template,
        }
    }

    fn close_item(&mut self, out: &mut Vec<u8>, status: &str) {
        let Some(channel) = self.open.take() else { return };
        let text = self.text(channel);
        let done = self.text_event(channel, "done", "text", &text);
        self.send(out, done);
        let part = self.part_events(channel, "done", &text);
        self.send(out, part);
        let item = self.item(channel, status);
        self.finished.push(item.clone());
        self.send(
            out,
            json!({"type": "response.output_item.done", "output_index": self.index, "item": item}),
        );
        self.index += 1;
    }

    fn delta_template(&self, channel: Channel) -> Template {
        let mut event = self.text_event(channel, "delta", "delta", TEXT);
        event["sequence_number"] = json!(NUMBER);
        if self.setting.ask.obfuscation {
            event["obfuscation"] = json!("kT3nV9");
        }
        let mut rendered = Vec::new();
        self.sse.typed(&mut rendered, &event);
        Template::new(&rendered)
    }

    fn usage(&self, closing: &Closing) -> Value {
        let (input, output) = (self.setting.ask.prompt_tokens, closing.visible + closing.reasoning);
        json!({
            "input_tokens": input,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": closing.reasoning},
            "total_tokens": input + output,
        })
    }
}

impl ResponseWriter for ResponsesWriter {
    fn opening(&mut self, out: &mut Vec<u8>) {
        for name in ["created", "in_progress"] {
            let event = json!({"type": format!("response.{name}"), "response": self.envelope("in_progress")});
            self.send(out, event);
        }
    }

    fn shows_reasoning(&self) -> bool {
        self.setting.ask.show_reasoning
    }

    fn piece(&mut self, out: &mut Vec<u8>, piece: SimTextPiece<'_>) {
        if self.open != Some(piece.channel) {
            self.open_item(out, piece.channel);
        }
        let template = match piece.channel {
            Channel::Visible => &self.visible,
            Channel::Reasoning => &self.reasoning,
        };
        if let Some(template) = template {
            template.fill(out, piece.text, [self.sequence, 0]);
        }
        self.sequence += 1;
        self.said[Channel::Visible as usize] = piece.visible;
        self.said[Channel::Reasoning as usize] = piece.reasoning;
    }

    fn empty(&mut self, out: &mut Vec<u8>) {
        let event = json!({"type": "response.in_progress", "response": self.envelope("in_progress")});
        self.send(out, event);
    }

    fn malformed(&mut self, out: &mut Vec<u8>) {
        let broken = "{\"type\":\"response.output_text.delta\",\"delta\":\" bro";
        self.sse.event(out, Some("response.output_text.delta"), broken);
    }

    fn error(&mut self, out: &mut Vec<u8>) {
        let message = "The server had an error while processing your request.";
        let error =
            json!({"type": "server_error", "code": "server_error", "message": message, "param": null});
        self.send(out, json!({"type": "error", "error": error}));
        let mut response = self.envelope("failed");
        response["error"] = json!({"code": "server_error", "message": message});
        self.send(out, json!({"type": "response.failed", "response": response}));
    }

    fn closing(&mut self, out: &mut Vec<u8>, closing: &Closing) {
        let status = match closing.finish {
            Finish::Stop => "completed",
            Finish::Length => "incomplete",
        };
        self.close_item(out, status);
        let mut response = self.envelope(status);
        if closing.finish == Finish::Length {
            response["incomplete_details"] = json!({"reason": "max_output_tokens"});
        }
        if closing.usage {
            response["usage"] = self.usage(closing);
        }
        self.send(out, json!({"type": format!("response.{status}"), "response": response}));
    }
}
