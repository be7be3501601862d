//! OpenAI Chat Completions and the APIs that copy it: the request body, and the chunks of the stream. Legacy
//! Completions streams differ in one field (`choices[].text`) and are parsed here too. `chat/chunk.rs` has the
//! shapes.

mod chunk;
mod content;
mod logprobs;

use super::collector::{DecodedStreamBuilder, StreamFormat, decode as decode_events, keep};
use super::think_tags::ThinkSplitter;
use super::{Channel, DecodedStream, Delta, Quirks, StreamError, Usage, error_body, request, timing};
use crate::domain::GenerationRequest;
use crate::wire::Recording;
use chunk::{ChatChoice, ChatChunk, ChatUsage};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The request body. `max_completion_tokens` is the format's own word since the o-series; hosts that
/// know only `max_tokens` have a quirk.
pub(super) fn body(ask: &GenerationRequest, quirks: &Quirks) -> Value {
    let mut body = serde_json::Map::new();
    body.insert("model".into(), json!(ask.model_id));
    body.insert("messages".into(), request::user_message(ask));
    body.insert("stream".into(), json!(true));
    if !quirks.no_usage_option {
        body.insert("stream_options".into(), json!({"include_usage": true}));
    }
    let budget = if quirks.max_tokens_field { "max_tokens" } else { "max_completion_tokens" };
    body.insert(budget.into(), json!(ask.max_output_tokens));
    if let Some(temperature) = request::temperature(ask, quirks) {
        body.insert("temperature".into(), json!(temperature));
    }
    if let Some(effort) = request::effort(ask) {
        body.insert("reasoning_effort".into(), json!(effort));
    }
    if let Some(seed) = request::seed(ask, quirks) {
        body.insert("seed".into(), json!(seed));
    }
    if let Some(logprobs) = request::logprobs(ask, quirks) {
        body.insert("logprobs".into(), logprobs);
    }
    request::finished(body, ask, quirks)
}

pub(super) fn decode(recording: &Recording) -> DecodedStream {
    decode_events(recording, ChatFormat { splitter: ThinkSplitter::default(), counting: Some(0) })
}

struct ChatFormat {
    splitter: ThinkSplitter,
    /// Completion tokens up to the last chunk that reported them; `None` once a chunk with text reported none,
    /// because then a difference says nothing about one chunk.
    counting: Option<u64>,
}

impl StreamFormat for ChatFormat {
    fn event(
        &mut self,
        _: Option<&str>,
        data: &[u8],
        out: &mut DecodedStreamBuilder<'_>,
    ) -> serde_json::Result<()> {
        let mut chunk: ChatChunk<'_> = serde_json::from_slice(data)?;
        let mut choice = chunk.choices.0.take();
        if chunk.usage.is_none() {
            chunk.usage = choice.as_mut().and_then(|choice| choice.usage.take());
        }
        if choice.is_none() && chunk.is_bare() {
            // vLLM and Cerebras have written flat errors into streams.
            error_body(data).into_iter().for_each(|error| out.error(error));
        }
        if let Some(choice) = choice {
            self.choice(choice, chunk.usage.as_deref(), out);
        }
        note_origin(&chunk, out);
        note_usage(&chunk, out);
        note_errors(chunk, out);
        Ok(())
    }

    fn end(&mut self, out: &mut DecodedStreamBuilder<'_>) {
        self.splitter.settle(&mut out.answer.deltas);
    }
}

impl ChatFormat {
    fn choice(
        &mut self,
        choice: Box<ChatChoice<'_>>,
        usage: Option<&ChatUsage>,
        out: &mut DecodedStreamBuilder<'_>,
    ) {
        keep(&mut out.answer.finish_reason, choice.ended());
        choice.logprobs.iter().for_each(|told| logprobs::note(told, &mut out.answer.logprobs));
        let told = choice.tokens();
        let reasoning = choice.reasoning();
        let calls = choice.calls();
        let plain = choice.text.into_text() + choice.delta.content.visible;
        let refusal = choice.delta.refusal.into_text();
        let pieces = [&reasoning, &plain, &refusal, &calls].iter().filter(|text| !text.is_empty()).count();
        let counted = self.count(usage, pieces > 0);
        let tokens = told.or(counted).filter(|_| pieces == 1);
        if !reasoning.is_empty() {
            let delta = out.delta(Channel::Reasoning, reasoning, tokens);
            self.around_splitter(delta, out);
        }
        if !plain.is_empty() {
            let delta = out.delta(Channel::Visible, plain, tokens);
            self.splitter.push(delta, &mut out.answer.deltas);
        }
        for text in [refusal, calls].into_iter().filter(|text| !text.is_empty()) {
            let delta = out.delta(Channel::Visible, text, tokens);
            self.around_splitter(delta, out);
        }
    }

    /// Adds text that can hold no think tag, after the text that the splitter holds back.
    fn around_splitter(&mut self, delta: Delta, out: &mut DecodedStreamBuilder<'_>) {
        self.splitter.settle(&mut out.answer.deltas);
        out.answer.deltas.push(delta);
    }

    /// The tokens of a chunk, from running totals (DeepInfra's `continuous_usage_stats`).
    fn count(&mut self, usage: Option<&ChatUsage>, has_text: bool) -> Option<u32> {
        let before = self.counting?;
        let total = usage.and_then(|usage| usage.completion_tokens.whole());
        self.counting = total.or(self.counting.filter(|_| !has_text));
        total?.checked_sub(before)?.try_into().ok()
    }
}

fn note_origin(chunk: &ChatChunk<'_>, out: &mut DecodedStreamBuilder<'_>) {
    keep(&mut out.answer.response_id, chunk.id.get());
    keep(&mut out.answer.response_model, chunk.model.get());
    keep(&mut out.answer.service_tier, chunk.service_tier.get());
    keep(&mut out.answer.system_fingerprint, chunk.system_fingerprint.get());
    keep(&mut out.answer.observed_provider, chunk.provider.get());
}

fn note_usage(chunk: &ChatChunk<'_>, out: &mut DecodedStreamBuilder<'_>) {
    let groq = chunk.x_groq.as_ref().and_then(|extra| extra.usage.as_deref());
    for usage in groq.into_iter().chain(chunk.usage.as_deref()) {
        out.usage(Usage::from(usage));
        for (name, seconds) in usage.times() {
            timing::put(&mut out.answer.provider_timing, name, seconds);
        }
    }
    let clock = &mut out.answer.provider_timing;
    if let Some(times) = &chunk.time_info {
        timing::from_fields(times, &["queue_time", "prompt_time", "completion_time", "total_time"], clock);
    }
    if let Some(metrics) = &chunk.perf_metrics {
        timing::from_perf_metrics(metrics, clock);
    }
    if let Some(timings) = &chunk.timings {
        timing::from_llama(timings, clock);
    }
}

fn note_errors(chunk: ChatChunk<'_>, out: &mut DecodedStreamBuilder<'_>) {
    let groq = chunk.x_groq.and_then(|extra| extra.error);
    for error in [chunk.error, groq].into_iter().flatten().filter(|error| error_body::is_truthy(error)) {
        let around = json!({"status_code": chunk.status_code});
        out.error(error_body::from_value(&error, &around));
    }
    if out.answer.finish_reason.as_deref() == Some("error") {
        let message = "the stream ended with finish_reason error".to_owned();
        out.error(StreamError { message, ..StreamError::default() });
    }
}

/// Appends without a copy if one side is empty.
fn joined<'a>(texts: impl Iterator<Item = Cow<'a, str>>) -> Cow<'a, str> {
    texts.fold(Cow::Borrowed(""), |before, text| before + text)
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::ask;
    use super::*;

    #[test]
    fn the_body_asks_for_usage_and_the_newer_budget() {
        assert_eq!(
            body(&ask(json!({})), &Quirks::default()),
            json!({
                "model": "m",
                "messages": [{"role": "user", "content": "Tell."}],
                "stream": true,
                "stream_options": {"include_usage": true},
                "max_completion_tokens": 64,
                "temperature": 0.1,
                "reasoning_effort": "low",
            })
        );
    }

    #[test]
    fn quirks_change_the_body() {
        let own = json!({"stream_options": {"include_obfuscation": false}});
        let quirks = Quirks {
            max_tokens_field: true,
            omit_temperature: true,
            body: own.as_object().cloned().unwrap_or_default(),
            ..Quirks::default()
        };
        assert_eq!(
            body(&ask(json!({"reasoning_effort": null})), &quirks),
            json!({
                "model": "m",
                "messages": [{"role": "user", "content": "Tell."}],
                "stream": true,
                "stream_options": {"include_usage": true, "include_obfuscation": false},
                "max_tokens": 64,
            })
        );
        let quirks = Quirks { no_usage_option: true, ..Quirks::default() };
        assert_eq!(body(&ask(json!({})), &quirks).get("stream_options"), None);
    }
}
