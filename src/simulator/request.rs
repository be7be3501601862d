//! The parts of a request body that the simulator heeds, read from any wire format.
//! Lenient: unknown fields are ignored. Pure.

use crate::providers::protocols::Dialect;
use serde_json::Value;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct SimRequest {
    pub model: String,
    /// The output budget, reasoning included; `None` if none was sent.
    pub budget: Option<u32>,
    /// True if a temperature was sent.
    pub temperature: bool,
    /// True if `max_tokens` was sent.
    pub max_tokens: bool,
    /// True if `max_completion_tokens` was sent.
    pub max_completion_tokens: bool,
    /// `stream_options.include_usage`, if sent.
    pub include_usage: Option<bool>,
    /// `stream_options.continuous_usage_stats` (DeepInfra).
    pub continuous_usage: bool,
    /// `stream_options.include_obfuscation`, on unless switched off (OpenAI).
    pub obfuscation: bool,
    /// `perf_metrics_in_response` (Fireworks).
    pub perf_metrics: bool,
    /// True if token probabilities are asked for (Chat Completions).
    pub logprobs: bool,
    /// True if hidden reasoning is to be shown: `reasoning.summary` (Responses), `includeThoughts` (Gemini).
    pub show_reasoning: bool,
    /// The endpoint to which a router's request is pinned.
    pub pinned: Option<String>,
    /// Words of the prompt, which count as its tokens.
    pub prompt_tokens: u64,
}

/// The JSON pointers to the budget in each wire format.
const BUDGETS: [&str; 5] = [
    "/max_completion_tokens",
    "/max_tokens",
    "/max_output_tokens",
    "/generationConfig/maxOutputTokens",
    "/inferenceConfig/maxTokens",
];

const TEMPERATURES: [&str; 3] =
    ["/temperature", "/generationConfig/temperature", "/inferenceConfig/temperature"];

/// Parses a body. `model` is the one that the path names, if it does.
///
/// # Errors
/// A sentence for the client: no JSON object, no model, no stream requested, no budget although one is required.
pub fn parse(dialect: Dialect, model: Option<String>, body: &[u8]) -> Result<SimRequest, String> {
    let body: Value =
        serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    if !body.is_object() {
        return Err("the body is not a JSON object".to_owned());
    }
    let named = || body.get("model").and_then(Value::as_str).map(str::to_owned);
    let model = model.or_else(named).ok_or("you must provide a model parameter")?;
    let streams_by_path = matches!(dialect, Dialect::Gemini | Dialect::Converse);
    if !streams_by_path && body.get("stream") != Some(&Value::Bool(true)) {
        return Err("the simulator only streams: send \"stream\": true".to_owned());
    }
    let budget = BUDGETS.iter().find_map(|field| body.pointer(field)).and_then(Value::as_u64);
    if dialect == Dialect::Messages && budget.is_none() {
        return Err("max_tokens: Field required".to_owned());
    }
    Ok(understood(&body, model, budget))
}

fn understood(body: &Value, model: String, budget: Option<u64>) -> SimRequest {
    let has = |field: &str| body.pointer(field).is_some_and(|value| !value.is_null());
    let flag = |field: &str| body.pointer(field).and_then(Value::as_bool);
    SimRequest {
        model,
        budget: budget.map(|budget| u32::try_from(budget).unwrap_or(u32::MAX)),
        temperature: TEMPERATURES.iter().any(|field| has(field)),
        max_tokens: has("/max_tokens"),
        max_completion_tokens: has("/max_completion_tokens"),
        include_usage: flag("/stream_options/include_usage"),
        continuous_usage: flag("/stream_options/continuous_usage_stats") == Some(true),
        obfuscation: flag("/stream_options/include_obfuscation") != Some(false),
        perf_metrics: flag("/perf_metrics_in_response") == Some(true),
        logprobs: has("/logprobs") && flag("/logprobs") != Some(false),
        show_reasoning: has("/reasoning/summary")
            || flag("/generationConfig/thinkingConfig/includeThoughts") == Some(true),
        pinned: pinned(body),
        prompt_tokens: prompt_tokens(body),
    }
}

/// The one endpoint of `provider.only`, if fallbacks are forbidden.
fn pinned(body: &Value) -> Option<String> {
    let routing = body.get("provider")?;
    let only = routing.get("only")?.as_array()?;
    let is_pinned = only.len() == 1 && routing.get("allow_fallbacks") == Some(&Value::Bool(false));
    only.first()?.as_str().filter(|_| is_pinned).map(str::to_owned)
}

fn prompt_tokens(body: &Value) -> u64 {
    let prompts = ["messages", "input", "prompt", "contents", "system", "instructions", "systemInstruction"];
    prompts.iter().filter_map(|field| body.get(field)).map(words).sum::<u64>().max(1)
}

/// Counts the words of all text in a prompt, without roles and types.
fn words(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.split_whitespace().count() as u64,
        Value::Array(items) => items.iter().map(words).sum(),
        Value::Object(fields) => {
            let text = fields.iter().filter(|(key, _)| *key != "role" && *key != "type");
            text.map(|(_, value)| words(value)).sum()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_the_budget_of_every_dialect() {
        let budget =
            |dialect, body: &str| parse(dialect, Some("steady".into()), body.as_bytes()).unwrap().budget;
        let chat = r#"{"stream":true,"max_completion_tokens":5,"messages":[]}"#;
        assert_eq!(budget(Dialect::Chat, chat), Some(5));
        assert_eq!(budget(Dialect::Responses, r#"{"stream":true,"max_output_tokens":16}"#), Some(16));
        assert_eq!(budget(Dialect::Gemini, r#"{"generationConfig":{"maxOutputTokens":7}}"#), Some(7));
        assert_eq!(budget(Dialect::Converse, r#"{"inferenceConfig":{"maxTokens":8}}"#), Some(8));
        assert_eq!(budget(Dialect::Chat, r#"{"stream":true}"#), None);
    }

    #[test]
    fn counts_the_words_of_a_prompt() {
        let body = br#"{"model":"x","stream":true,"messages":[{"role":"user","content":[{"type":"text","text":"one two"}]}]}"#;
        assert_eq!(parse(Dialect::Chat, None, body).unwrap().prompt_tokens, 2);
    }

    #[test]
    fn says_what_is_missing() {
        let error = |dialect, body: &str| parse(dialect, None, body.as_bytes()).unwrap_err();
        assert!(error(Dialect::Chat, "{").contains("not JSON"));
        assert!(error(Dialect::Chat, "[]").contains("object"));
        assert!(error(Dialect::Chat, r#"{"stream":true}"#).contains("model"));
        assert!(error(Dialect::Chat, r#"{"model":"steady"}"#).contains("stream"));
        assert!(error(Dialect::Messages, r#"{"model":"steady","stream":true}"#).contains("max_tokens"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_ask_or_a_sentence(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(Dialect::Chat, None, &body);
        }
    }
}
