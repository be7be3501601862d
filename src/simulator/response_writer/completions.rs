//! OpenAI's legacy Completions: `choices[].text`, usage on request, `[DONE]`. It has no reasoning.

use super::sse::{SseFormat, TEXT, Template};
use super::{Closing, ResponseContext, ResponseWriter, SimTextPiece, usage};
use serde_json::{Value, json};

pub struct CompletionsWriter {
    setting: ResponseContext,
    sse: SseFormat,
    token: Template,
}

impl CompletionsWriter {
    pub fn new(setting: ResponseContext, sse: SseFormat) -> Self {
        let mut rendered = Vec::new();
        sse.json(&mut rendered, &chunk(&setting, TEXT, None));
        Self { setting, sse, token: Template::new(&rendered) }
    }
}

impl ResponseWriter for CompletionsWriter {
    fn opening(&mut self, _out: &mut Vec<u8>) {}

    fn shows_reasoning(&self) -> bool {
        false
    }

    fn piece(&mut self, out: &mut Vec<u8>, piece: SimTextPiece<'_>) {
        self.token.fill(out, piece.text, [0, 0]);
    }

    fn empty(&mut self, out: &mut Vec<u8>) {
        self.sse.json(out, &without_choices(&self.setting));
    }

    fn malformed(&mut self, out: &mut Vec<u8>) {
        self.sse.event(out, None, "{\"id\":\"cmpl-broken\",\"choices\":[{\"text\":\" bro");
    }

    fn error(&mut self, out: &mut Vec<u8>) {
        let message = "The server had an error while processing your request.";
        let error =
            json!({"message": message, "type": "server_error", "param": null, "code": "server_error"});
        self.sse.json(out, &json!({ "error": error }));
    }

    fn closing(&mut self, out: &mut Vec<u8>, closing: &Closing) {
        let word = usage::finish_word(closing.finish);
        self.sse.json(out, &chunk(&self.setting, "", Some(word)));
        if closing.usage && usage::is_told(&self.setting) {
            let mut last = without_choices(&self.setting);
            last["usage"] = usage::object(&self.setting, closing);
            self.sse.json(out, &last);
        }
        self.sse.event(out, None, "[DONE]");
    }
}

fn chunk(setting: &ResponseContext, text: &str, finish: Option<&str>) -> Value {
    let mut chunk = without_choices(setting);
    chunk["choices"] = json!([{"text": text, "index": 0, "logprobs": null, "finish_reason": finish}]);
    chunk
}

fn without_choices(setting: &ResponseContext) -> Value {
    let mut chunk = json!({
        "id": format!("cmpl-{}", setting.id),
        "object": "text_completion",
        "created": setting.created,
        "choices": [],
        "model": setting.ask.model,
    });
    if setting.ask.include_usage == Some(true) {
        chunk["usage"] = Value::Null;
    }
    chunk
}
