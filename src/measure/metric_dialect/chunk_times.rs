//! When the chunks of a Chat Completions or Completions stream arrived, by what each carries: what clients of other authors
//! stamp. Pure; the stamps are those of the recording.

use crate::wire::{Recording, sse};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::time::Duration;

/// The fields in which servers write reasoning text.
const REASONING: [&str; 2] = ["reasoning_content", "reasoning"];

/// The chunks of one answer, each from t0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChunkTimes {
    /// Wall clock at t0.
    pub started_at: DateTime<Utc>,
    /// Chunks that vLLM takes for a token: with output, or with an empty text and no role, as of a special token.
    pub tokens: Vec<Duration>,
    /// Chunks with text of either kind, or with a call of a tool.
    pub content: Vec<Duration>,
    /// Chunks with visible text or with a call of a tool.
    pub visible: Vec<Duration>,
    /// `usage.completion_tokens` of the last chunk that has one.
    pub completion_tokens: Option<u64>,
    /// The end of the answer.
    pub end: Duration,
}

impl ChunkTimes {
    /// Those of a recording; `None` if no chunk of it has a choice, as in every other wire format.
    pub fn of(recording: &Recording) -> Option<Self> {
        let mut times =
            Self { started_at: recording.started_at, end: recording.marks.end, ..Self::default() };
        let mut choices = 0;
        for event in sse::events(&recording.body) {
            if let Ok(chunk) = serde_json::from_slice::<Value>(&event.data) {
                choices += usize::from(times.add(&chunk, recording.stamp(event.end)));
            }
        }
        (choices > 0).then_some(times)
    }

    /// True if the chunk has a choice.
    fn add(&mut self, chunk: &Value, at: Duration) -> bool {
        if let Some(tokens) = chunk["usage"]["completion_tokens"].as_u64() {
            self.completion_tokens = Some(tokens);
        }
        let Some(choice) = chunk["choices"].get(0) else { return false };
        let delta = &choice["delta"];
        let calls = delta["tool_calls"].as_array().is_some_and(|calls| !calls.is_empty());
        let visible = calls || has_text(&delta["content"]) || has_text(&choice["text"]);
        if visible {
            self.visible.push(at);
        }
        if visible || REASONING.iter().any(|field| has_text(&delta[*field])) {
            self.content.push(at);
        }
        if is_token(choice) {
            self.tokens.push(at);
        }
        true
    }
}

/// `_choice_has_streamed_output` of vLLM; of Completions every choice is a token.
fn is_token(choice: &Value) -> bool {
    let Some(delta) = choice["delta"].as_object() else { return choice.get("text").is_some() };
    let of = |field: &str| delta.get(field).unwrap_or(&Value::Null);
    let calls = of("tool_calls").as_array().is_some_and(|calls| !calls.is_empty());
    let call = of("function_call").as_object().is_some_and(|call| !call.is_empty());
    let special = of("content") == "" && !delta.contains_key("role");
    has_text(of("content")) || has_text(of("reasoning")) || calls || call || special
}

fn has_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::metric_dialect::testing::{CHAT, milliseconds, recording};

    #[test]
    fn chunks_are_told_apart_by_what_they_carry() {
        let times = ChunkTimes::of(&recording(CHAT)).unwrap();
        assert_eq!(times.tokens, milliseconds(&[200, 300, 320, 340, 345]));
        assert_eq!(times.content, milliseconds(&[200, 300, 320, 340]));
        assert_eq!(times.visible, milliseconds(&[300, 320, 340]));
        assert_eq!((times.completion_tokens, times.end), (Some(5), Duration::from_millis(400)));
    }

    #[test]
    fn completions_have_their_text_beside_the_delta() {
        let body: &[(u64, &str)] = &[
            (50, r#"{"choices":[{"text":"a"}]}"#),
            (60, r#"{"choices":[{"text":"","finish_reason":"stop"}]}"#),
            (70, "[DONE]"),
        ];
        let times = ChunkTimes::of(&recording(body)).unwrap();
        assert_eq!((times.tokens.len(), times.visible.len(), times.completion_tokens), (2, 1, None));
    }

    #[test]
    fn other_wire_formats_have_no_such_chunks() {
        let messages: &[(u64, &str)] = &[(50, r#"{"type":"content_block_delta","delta":{"text":"a"}}"#)];
        assert_eq!(ChunkTimes::of(&recording(messages)), None);
        assert_eq!(
            ChunkTimes::of(&recording(&[(50, "no JSON"), (60, "[1]"), (70, "{\"choices\":7}")])),
            None
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(body in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let mut whole = b"data: ".to_vec();
            whole.extend(body);
            let recording = Recording { body: whole.into(), ..recording(CHAT) };
            ChunkTimes::of(&recording);
        }
    }
}
