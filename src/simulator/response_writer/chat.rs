//! OpenAI Chat Completions and the variants of its imitators: `reasoning` or `reasoning_content`, the place of usage,
//! `x_groq`, `time_info`, `perf_metrics`, OpenRouter's comments.

use super::sse::{NUMBER, SECOND_NUMBER, SseFormat, TEXT, Template};
use super::{Closing, ResponseContext, ResponseWriter, SimTextPiece, usage};
use crate::providers::protocols::Channel;
use crate::simulator::listing;
use crate::simulator::route::SimHost;
use crate::simulator::scenario::SimFault;
use serde_json::{Map, Value, json};

pub struct ChatWriter {
    setting: ResponseContext,
    sse: SseFormat,
    visible: Template,
    reasoning: Template,
}

/// The field in which a host puts reasoning text; OpenAI never shows it on this format.
fn reasoning_field(host: SimHost) -> Option<&'static str> {
    match host {
        SimHost::OpenAi => None,
        SimHost::Plain | SimHost::Fireworks | SimHost::DeepInfra => Some("reasoning_content"),
        SimHost::Groq | SimHost::Cerebras | SimHost::OpenRouter | SimHost::Together => Some("reasoning"),
    }
}

impl ChatWriter {
    pub fn new(setting: ResponseContext, sse: SseFormat) -> Self {
        let visible = Template::new(&token_event(&setting, sse, Channel::Visible));
        let reasoning = Template::new(&token_event(&setting, sse, Channel::Reasoning));
        Self { setting, sse, visible, reasoning }
    }

    fn send(&self, out: &mut Vec<u8>, chunk: &Value) {
        self.sse.json(out, chunk);
    }

    fn finish_chunk(&self, closing: &Closing, told: bool) -> Value {
        let word = usage::finish_word(closing.finish);
        let delta = if self.setting.host == SimHost::OpenRouter {
            json!({"role": "assistant", "content": ""})
        } else {
            json!({})
        };
        let mut chunk = chunk(&self.setting, &delta, Some(word));
        let counts = || usage::object(&self.setting, closing);
        match self.setting.host {
            SimHost::Groq if told => {
                chunk["x_groq"] = json!({"id": format!("req_{}", self.setting.id), "usage": counts()});
                chunk["usage"] = counts();
            }
            SimHost::Together | SimHost::Cerebras if told => chunk["usage"] = counts(),
            _ => {}
        }
        if self.setting.host == SimHost::Cerebras {
            chunk["time_info"] = usage::time_info(&self.setting, &closing.timing);
        }
        chunk
    }

    /// The chunk after the finish reason, if the host sends one.
    fn usage_chunk(&self, closing: &Closing) -> Option<Value> {
        let asked = self.setting.ask.include_usage == Some(true);
        let mut chunk = match self.setting.host {
            SimHost::Cerebras | SimHost::Together => return None,
            SimHost::Groq if !asked => return None,
            SimHost::OpenRouter => chunk(&self.setting, &json!({"role": "assistant", "content": ""}), None),
            _ => without_choices(&self.setting),
        };
        chunk["usage"] = usage::object(&self.setting, closing);
        Some(chunk)
    }
}

impl ResponseWriter for ChatWriter {
    fn opening(&mut self, out: &mut Vec<u8>) {
        let mut delta = json!({"role": "assistant", "content": ""});
        if matches!(self.setting.host, SimHost::Plain | SimHost::OpenAi) {
            delta["refusal"] = Value::Null;
        }
        let mut chunk = chunk(&self.setting, &delta, None);
        if self.setting.host == SimHost::Groq {
            chunk["x_groq"] = json!({"id": format!("req_{}", self.setting.id), "seed": 1});
        }
        self.send(out, &chunk);
    }

    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        if self.setting.host == SimHost::OpenRouter {
            self.sse.comment(out, "OPENROUTER PROCESSING");
        }
    }

    fn shows_reasoning(&self) -> bool {
        reasoning_field(self.setting.host).is_some()
    }

    fn piece(&mut self, out: &mut Vec<u8>, piece: SimTextPiece<'_>) {
        let template = match piece.channel {
            Channel::Visible => &self.visible,
            Channel::Reasoning => &self.reasoning,
        };
        let output = piece.visible + piece.reasoning;
        template.fill(out, piece.text, [output, self.setting.ask.prompt_tokens + output]);
    }

    fn empty(&mut self, out: &mut Vec<u8>) {
        self.send(out, &without_choices(&self.setting));
    }

    fn malformed(&mut self, out: &mut Vec<u8>) {
        self.sse.event(out, None, "{\"id\":\"chatcmpl-broken\",\"choices\":[{\"delta\":{\"content\":\" bro");
    }

    fn error(&mut self, out: &mut Vec<u8>) {
        let message = "The server had an error while processing your request.";
        let mut chunk = match self.setting.host {
            SimHost::OpenRouter => {
                let mut chunk = chunk(&self.setting, &json!({"content": ""}), Some("error"));
                chunk["error"] = json!({"code": 502, "message": message, "metadata": {"error_type": "provider_unavailable"}});
                chunk
            }
            _ => {
                json!({"error": {"message": message, "type": "server_error", "param": null, "code": "server_error"}})
            }
        };
        if self.setting.host == SimHost::Cerebras {
            chunk["status_code"] = json!(500);
        }
        self.send(out, &chunk);
    }

    fn closing(&mut self, out: &mut Vec<u8>, closing: &Closing) {
        let told = closing.usage && usage::is_told(&self.setting);
        let mut chunks = vec![self.finish_chunk(closing, told)];
        chunks.extend(self.usage_chunk(closing).filter(|_| told));
        if self.setting.host == SimHost::Fireworks && self.setting.ask.perf_metrics {
            let last = chunks.len() - 1;
            chunks[last]["perf_metrics"] = usage::perf_metrics(&self.setting, &closing.timing);
        }
        chunks.iter().for_each(|chunk| self.send(out, chunk));
        self.sse.event(out, None, "[DONE]");
    }
}

/// A chunk with one choice.
fn chunk(setting: &ResponseContext, delta: &Value, finish: Option<&str>) -> Value {
    let mut chunk = without_choices(setting);
    let mut choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
    if setting.host == SimHost::OpenRouter {
        choice["native_finish_reason"] = json!(finish);
    }
    chunk["choices"] = json!([choice]);
    chunk
}

fn without_choices(setting: &ResponseContext) -> Value {
    let mut chunk = Map::new();
    chunk.insert("id".into(), json!(format!("chatcmpl-{}", setting.id)));
    if setting.host == SimHost::OpenRouter {
        let provider = listing::answering_provider(setting.ask.pinned.as_deref());
        chunk.insert("provider".into(), json!(provider));
    }
    chunk.insert("object".into(), json!("chat.completion.chunk"));
    chunk.insert("created".into(), json!(setting.created));
    chunk.insert("model".into(), json!(setting.ask.model));
    if matches!(setting.host, SimHost::Plain | SimHost::OpenAi) {
        chunk.insert("service_tier".into(), json!("default"));
    }
    let fingerprint = if setting.fault == SimFault::Swapped { "fp_swapped" } else { "fp_simulator" };
    chunk.insert("system_fingerprint".into(), json!(fingerprint));
    chunk.insert("choices".into(), json!([]));
    // OpenAI: once usage is requested, every earlier chunk has a null usage.
    if setting.ask.include_usage == Some(true) && matches!(setting.host, SimHost::Plain | SimHost::OpenAi) {
        chunk.insert("usage".into(), Value::Null);
    }
    Value::Object(chunk)
}

/// The probability of an event's token, as an object; Together writes the number alone.
fn logprobs(setting: &ResponseContext) -> Value {
    let logprob = if setting.fault == SimFault::Swapped { -0.5 } else { -0.125 };
    match setting.host {
        SimHost::Together => json!(logprob),
        _ => {
            json!({"content": [{"token": TEXT, "logprob": logprob, "bytes": null, "top_logprobs": []}], "refusal": null})
        }
    }
}

/// The event of one token, with placeholders.
fn token_event(setting: &ResponseContext, sse: SseFormat, channel: Channel) -> Vec<u8> {
    let delta = match (channel, reasoning_field(setting.host)) {
        (Channel::Reasoning, Some(field)) => reasoning_delta(setting.host, field),
        _ => json!({"content": TEXT}),
    };
    let mut chunk = chunk(setting, &with_role(setting.host, delta), None);
    if setting.ask.logprobs && channel == Channel::Visible {
        chunk["choices"][0]["logprobs"] = logprobs(setting);
    }
    if setting.host == SimHost::DeepInfra && setting.ask.continuous_usage {
        chunk["usage"] = json!({
            "prompt_tokens": setting.ask.prompt_tokens,
            "completion_tokens": NUMBER,
            "total_tokens": SECOND_NUMBER,
        });
    }
    // On by default at OpenAI, to hide the length of a token from observers of the network.
    if setting.host == SimHost::OpenAi && setting.ask.obfuscation {
        chunk["obfuscation"] = json!("kT3nV9");
    }
    let mut out = Vec::new();
    sse.json(&mut out, &chunk);
    out
}

fn reasoning_delta(host: SimHost, field: &str) -> Value {
    if host == SimHost::OpenRouter {
        let detail = json!({"type": "reasoning.text", "text": TEXT, "format": "unknown", "index": 0});
        json!({"content": "", "reasoning": TEXT, "reasoning_details": [detail]})
    } else {
        json!({ (field): TEXT })
    }
}

/// Together and OpenRouter repeat the role on every delta.
fn with_role(host: SimHost, delta: Value) -> Value {
    match delta {
        Value::Object(fields) if matches!(host, SimHost::Together | SimHost::OpenRouter) => {
            let role = std::iter::once(("role".to_owned(), json!("assistant")));
            Value::Object(role.chain(fields).collect())
        }
        other => other,
    }
}
