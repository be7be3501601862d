//! Gemini's `streamGenerateContent?alt=sse`: no event names, no end marker, cumulative counts on every chunk. Its
//! visible count leaves the thoughts out, and thoughts are shown only on request.

use super::sse::{NUMBER, SECOND_NUMBER, SseFormat, TEXT, Template};
use super::{Closing, Finish, ResponseContext, ResponseWriter, SimTextPiece};
use crate::providers::protocols::Channel;
use crate::simulator::scenario::SimFault;
use serde_json::{Value, json};

pub struct GeminiWriter {
    setting: ResponseContext,
    sse: SseFormat,
    visible: Template,
    reasoning: Template,
    /// Thoughts counted in the visible template so far.
    thoughts: u64,
}

impl GeminiWriter {
    pub fn new(setting: ResponseContext, sse: SseFormat) -> Self {
        let visible = visible_template(&setting, sse, 0);
        let part = json!({"text": TEXT, "thought": true});
        let counts = json!({
            "promptTokenCount": setting.ask.prompt_tokens,
            "thoughtsTokenCount": NUMBER,
            "totalTokenCount": SECOND_NUMBER,
        });
        let reasoning = template(sse, &chunk(&setting, &part, None, counts));
        Self { setting, sse, visible, reasoning, thoughts: 0 }
    }
}

impl ResponseWriter for GeminiWriter {
    fn opening(&mut self, _out: &mut Vec<u8>) {}

    fn shows_reasoning(&self) -> bool {
        self.setting.ask.show_reasoning
    }

    fn piece(&mut self, out: &mut Vec<u8>, piece: SimTextPiece<'_>) {
        let total = self.setting.ask.prompt_tokens + piece.visible + piece.reasoning;
        if piece.channel == Channel::Reasoning {
            return self.reasoning.fill(out, piece.text, [piece.reasoning, total]);
        }
        if self.thoughts != piece.reasoning {
            self.thoughts = piece.reasoning;
            self.visible = visible_template(&self.setting, self.sse, self.thoughts);
        }
        self.visible.fill(out, piece.text, [piece.visible, total]);
    }

    fn empty(&mut self, out: &mut Vec<u8>) {
        self.sse.json(out, &envelope(&self.setting));
    }

    fn malformed(&mut self, out: &mut Vec<u8>) {
        self.sse.event(out, None, "{\"candidates\": [{\"content\": {\"parts\": [{\"text\": \" bro");
    }

    /// Raw JSON lines without `data:`, as the real service sends them.
    fn error(&mut self, out: &mut Vec<u8>) {
        let error =
            json!({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}});
        out.extend_from_slice(format!("{error:#}\n").as_bytes());
    }

    fn closing(&mut self, out: &mut Vec<u8>, closing: &Closing) {
        let word = match closing.finish {
            Finish::Stop => "STOP",
            Finish::Length => "MAX_TOKENS",
        };
        let counts = counts(
            self.setting.ask.prompt_tokens,
            json!(closing.visible),
            closing.reasoning,
            json!(self.setting.ask.prompt_tokens + closing.visible + closing.reasoning),
        );
        self.sse.json(out, &chunk(&self.setting, &json!({"text": ""}), Some(word), counts));
    }
}

fn template(sse: SseFormat, chunk: &Value) -> Template {
    let mut rendered = Vec::new();
    sse.json(&mut rendered, chunk);
    Template::new(&rendered)
}

fn visible_template(setting: &ResponseContext, sse: SseFormat, thoughts: u64) -> Template {
    let counts = counts(setting.ask.prompt_tokens, json!(NUMBER), thoughts, json!(SECOND_NUMBER));
    template(sse, &chunk(setting, &json!({"text": TEXT}), None, counts))
}

fn counts(prompt: u64, visible: Value, thoughts: u64, total: Value) -> Value {
    let mut counts = json!({"promptTokenCount": prompt, "candidatesTokenCount": visible});
    if thoughts > 0 {
        counts["thoughtsTokenCount"] = json!(thoughts);
    }
    counts["totalTokenCount"] = total;
    counts["trafficType"] = json!("ON_DEMAND");
    counts
}

fn envelope(setting: &ResponseContext) -> Value {
    json!({"modelVersion": setting.ask.model, "responseId": setting.id})
}

fn chunk(setting: &ResponseContext, part: &Value, finish: Option<&str>, counts: Value) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": [part]}});
    if let Some(word) = finish {
        candidate["finishReason"] = json!(word);
    }
    let mut chunk = json!({ "candidates": [candidate] });
    if setting.fault != SimFault::NoUsage {
        chunk["usageMetadata"] = counts;
    }
    if let (Value::Object(all), Value::Object(rest)) = (&mut chunk, envelope(setting)) {
        all.extend(rest);
    }
    chunk
}
