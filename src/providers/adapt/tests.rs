//! Tests of refusals in providers' words, and the adaptation learned from each.

use super::*;
use crate::domain::failure::{FailureKind, FailureStage};
use crate::providers::builtin_hosts;
use crate::providers::hosts::Hosts;
use crate::providers::prepare::plan;
use proptest::prelude::*;
use serde_json::json;

fn ask(model_id: &str) -> GenerationRequest {
    GenerationRequest {
        model_id: model_id.into(),
        prompt: "Tell.".into(),
        max_output_tokens: 64,
        temperature: Some(0.1),
        reasoning_effort: None,
        metadata: serde_json::Map::new(),
        deterministic: false,
    }
}

fn planned(provider: &str, model_id: &str, learned: &[Adaptation]) -> RequestPlan {
    plan(Hosts::new(builtin_hosts::built_in()).find(provider).unwrap(), ask(model_id), learned)
}

fn refusal(code: &str, param: &str, message: &str) -> StreamError {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    StreamError { code: some(code), param: some(param), message: message.into(), ..StreamError::default() }
}

fn learn(plan: &RequestPlan, status: u16, error: &StreamError) -> Option<Adaptation> {
    let fault = FailureDetail {
        http_status: Some(status),
        ..FailureDetail::new(FailureKind::HardCapability, FailureStage::Response, "x")
    };
    suggest(&fault, error, plan)
}

#[test]
fn words_are_stable_and_read_back() {
    for (adaptation, word) in WORDS {
        assert_eq!(adaptation.to_string(), word);
        assert_eq!(word.parse(), Ok(adaptation));
    }
    assert_eq!("omit_everything".parse::<Adaptation>(), Err(UnknownAdaptation("omit_everything".into())));
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn refusals_teach() {
    let cases = [
        (
            "openai",
            "gpt-4o",
            400,
            "unsupported_value",
            "temperature",
            "'temperature' does not support 0.1",
            OmitTemperature,
        ),
        (
            "openai",
            "gpt-4o",
            404,
            "",
            "model",
            "This is not a chat model. Did you mean v1/completions?",
            UseCompletions,
        ),
        (
            "openai",
            "gpt-4o",
            404,
            "",
            "model",
            "only supported in v1/responses and not in v1/chat/completions",
            UseResponses,
        ),
        (
            "openai",
            "davinci-002",
            404,
            "",
            "model",
            "This is a chat model and not supported in v1/completions",
            UseChat,
        ),
        (
            "openai",
            "gpt-5",
            400,
            "unsupported_value",
            "reasoning.effort",
            "'low' is not supported",
            OmitReasoningEffort,
        ),
        (
            "openai",
            "gpt-4o",
            400,
            "unknown_parameter",
            "stream_options.include_obfuscation",
            "x",
            OmitIncludeObfuscation,
        ),
        (
            "anthropic",
            "claude-opus-4-5",
            400,
            "",
            "",
            "`temperature` is deprecated for this model.",
            OmitTemperature,
        ),
        (
            "anthropic",
            "claude-opus-4-5",
            400,
            "",
            "",
            "`temperature` may only be set to 1 when thinking",
            OmitTemperature,
        ),
        (
            "bedrock",
            "anthropic.claude-x",
            400,
            "",
            "",
            "temperature: Extra inputs are not permitted",
            OmitTemperature,
        ),
        (
            "azure",
            "my-o3",
            400,
            "unsupported_parameter",
            "max_tokens",
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            UseMaxCompletionTokens,
        ),
        (
            "moonshot",
            "kimi-k2.6",
            400,
            "",
            "",
            "invalid temperature: only 1 is allowed for this model",
            OmitTemperature,
        ),
        (
            "nvidia",
            "x",
            422,
            "extra_forbidden",
            "include_usage",
            "Extra inputs are not permitted",
            OmitStreamOptions,
        ),
        (
            "vertex",
            "meta/llama-maas",
            400,
            "",
            "",
            "Unknown name \"include_usage\" at stream_options",
            OmitStreamOptions,
        ),
        ("groq", "llama", 400, "", "", "property 'stream_options' is unsupported", OmitStreamOptions),
        ("cerebras", "llama", 422, "extra_forbidden", "max_completion_tokens", "x", UseMaxTokens),
        (
            "together",
            "o5",
            400,
            "",
            "",
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.",
            UseMaxCompletionTokens,
        ),
    ];
    for (provider, model, status, code, param, message, expected) in cases {
        let found = learn(&planned(provider, model, &[]), status, &refusal(code, param, message));
        assert_eq!(found, Some(expected), "{provider} {message}");
    }
}

#[test]
fn other_failures_teach_nothing() {
    let plan = planned("groq", "llama", &[]);
    let cases = [
        (429, "unsupported_parameter", "temperature", "temperature is not supported"),
        (500, "", "", "temperature is not supported"),
        (400, "", "", "max_completion_tokens is too large: 64 > 32"),
        (400, "", "messages", "temperature is not supported in messages"),
        (400, "", "", "reasoning_effort is not supported"),
        (404, "model_not_found", "model", "The model `temperature` does not exist"),
        (422, "", "", "max_completion_tokens_total is unknown"),
    ];
    for (status, code, param, message) in cases {
        assert_eq!(learn(&plan, status, &refusal(code, param, message)), None, "{message}");
    }
}

#[test]
fn what_was_learned_is_not_suggested_again() {
    let refused = refusal("unsupported_parameter", "temperature", "no");
    assert_eq!(learn(&planned("groq", "llama", &[]), 400, &refused), Some(OmitTemperature));
    assert_eq!(learn(&planned("groq", "llama", &[OmitTemperature]), 400, &refused), None);
}

#[test]
fn applying_changes_what_was_refused() {
    let plan = planned("openai", "gpt-4o", &[OmitTemperature, UseMaxTokens, OmitIncludeObfuscation]);
    assert!(plan.quirks.omit_temperature && plan.quirks.max_tokens_field && plan.quirks.body.is_empty());
    assert!(!plan.quirks.no_usage_option);
    let plan = planned("deepinfra", "m", &[OmitStreamOptions, UseMaxCompletionTokens]);
    assert!(plan.quirks.no_usage_option && plan.quirks.body.is_empty() && !plan.quirks.max_tokens_field);
    assert_eq!(planned("openai", "gpt-4o", &[UseResponses]).dialect, Dialect::Responses);
    assert_eq!(planned("openai", "gpt-5", &[UseResponses]).ask.reasoning_effort.as_deref(), Some("low"));
}

#[test]
fn an_effort_from_the_catalog_can_be_taken_back() {
    let own = GenerationRequest {
        metadata: json!({"reasoning_effort": "high"}).as_object().cloned().unwrap(),
        ..ask("qwen3")
    };
    let host = builtin_hosts::built_in().remove(4);
    let sent = plan(&host, own.clone(), &[]);
    let refused = refusal("", "reasoning_effort", "`reasoning_effort` is not supported with this model");
    assert_eq!(learn(&sent, 400, &refused), Some(OmitReasoningEffort));
    assert!(plan(&host, own, &[OmitReasoningEffort]).ask.metadata.is_empty());
}

proptest! {
    #[test]
    fn whatever_is_said_a_suggestion_changes_something(
        message in ".{0,80}(temperature|max_tokens|stream_options|reasoning|v1/responses)? ?(unsupported|unknown)?.{0,20}",
        status in prop::sample::select(vec![400u16, 404, 422]),
        provider in prop::sample::select(vec!["openai", "groq", "anthropic", "together", "vertex"]),
    ) {
        let before = planned(provider, "m", &[]);
        if let Some(change) = learn(&before, status, &refusal("", "", &message)) {
            prop_assert_ne!(planned(provider, "m", &[change]), before);
        }
    }
}

#[test]
fn what_a_canary_asks_for_is_left_out_where_it_is_refused_and_no_other_request_changes() {
    let plan = |learned: &[Adaptation], canary: bool| {
        let ask = GenerationRequest { deterministic: canary, ..ask("gpt-4o") };
        super::super::prepare::plan(
            Hosts::new(builtin_hosts::built_in()).find("openai").unwrap(),
            ask,
            learned,
        )
    };
    let cases = [
        (400, "logprobs", "This model does not support the 'logprobs' parameter.", OmitLogprobs),
        (403, "", "You are not allowed to request logprobs from this model", OmitLogprobs),
        (422, "", "seed: Extra inputs are not permitted", OmitSeed),
    ];
    for (status, param, message, expected) in cases {
        let refused = refusal("", param, message);
        assert_eq!(learn(&plan(&[], true), status, &refused), Some(expected), "{message}");
        assert_eq!(learn(&plan(&[expected], true), status, &refused), None, "it is left out already");
        assert_eq!(learn(&plan(&[], false), status, &refused), None, "it was not sent");
        assert!(expected.is_for_canaries());
    }
    assert_eq!(learn(&plan(&[], true), 403, &refusal("", "temperature", "temperature is not allowed")), None);
    let fields = |plan: &RequestPlan| {
        let body = plan.dialect.body(&plan.ask, &plan.quirks);
        (body.get("seed").cloned(), body.get("logprobs").cloned())
    };
    assert_eq!(fields(&plan(&[], false)), (None, None));
    assert_eq!(fields(&plan(&[], true)), (Some(json!(7)), Some(json!(true))));
    assert_eq!(fields(&plan(&[OmitSeed, OmitLogprobs], true)), (None, None));
}
