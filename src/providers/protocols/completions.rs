//! OpenAI's legacy Completions: the request body. Its chunks are Chat Completions chunks with the text in
//! `choices[].text`, so `chat` reads them.

use super::{Quirks, request};
use crate::domain::GenerationRequest;
use serde_json::{Value, json};

/// The request body: a prompt to continue, no message; the format has no reasoning effort.
pub(super) fn body(ask: &GenerationRequest, quirks: &Quirks) -> Value {
    let mut body = serde_json::Map::new();
    body.insert("model".into(), json!(ask.model_id));
    body.insert("prompt".into(), json!(ask.prompt));
    body.insert("stream".into(), json!(true));
    if !quirks.no_usage_option {
        body.insert("stream_options".into(), json!({"include_usage": true}));
    }
    body.insert("max_tokens".into(), json!(ask.max_output_tokens));
    if let Some(temperature) = request::temperature(ask, quirks) {
        body.insert("temperature".into(), json!(temperature));
    }
    if let Some(seed) = request::seed(ask, quirks) {
        body.insert("seed".into(), json!(seed));
    }
    request::finished(body, ask, quirks)
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::ask;
    use super::*;

    #[test]
    fn the_body_has_a_prompt_and_no_effort() {
        assert_eq!(
            body(&ask(json!({})), &Quirks::default()),
            json!({
                "model": "m",
                "prompt": "Tell.",
                "stream": true,
                "stream_options": {"include_usage": true},
                "max_tokens": 64,
                "temperature": 0.1,
            })
        );
    }
}
