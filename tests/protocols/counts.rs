//! Whatever numbers a stream reports, its row can be kept and its rates can be true, or it is a failure of kind `protocol`.

use super::cassettes::frames;
use super::entries::recording;
use llmbench::domain::failure::FailureKind;
use llmbench::domain::profile::built_in;
use llmbench::domain::redact::Redactor;
use llmbench::domain::run::{Outcome, Run};
use llmbench::domain::{GenerationRequest, ModelRef};
use llmbench::measure::judge::judge;
use llmbench::measure::outcome_row::AttemptSpec;
use llmbench::providers::endpoint::RouteEndpoint;
use llmbench::providers::prepare::RequestPlan;
use llmbench::providers::protocols::{Dialect, Quirks};
use llmbench::wire::{ExchangeEnd, ResponseHead};
use proptest::prelude::*;
use serde_json::{Map, Value};

const BUDGET: u32 = 64;

/// A number as JSON may write it.
fn number() -> impl Strategy<Value = String> {
    let extremes = [
        "18446744073709551615",
        "18446744073709551616",
        "9223372036854775807",
        "9223372036854775808",
        "4611686018427387904",
        "9007199254740992",
        "9007199254740993",
        "-1",
        "-9223372036854775808",
        "-0.0",
        "0.5",
        "64.0",
        "1e15",
        "1e300",
        "-1e300",
        "0",
        "1",
        "64",
        "65",
        "256",
        "512",
        "513",
        "70000",
        "null",
        "\"7\"",
    ];
    prop_oneof![
        4 => proptest::sample::select(extremes.to_vec()).prop_map(str::to_owned),
        2 => (0u64..600).prop_map(|small| small.to_string()),
        1 => any::<u64>().prop_map(|any| any.to_string()),
        1 => any::<i64>().prop_map(|any| any.to_string()),
        1 => proptest::num::f64::NORMAL.prop_map(|any| format!("{any:e}")),
    ]
}

fn sse(events: &[String]) -> Vec<u8> {
    events.iter().map(|event| format!("data: {event}\n\n")).collect::<String>().into_bytes()
}

/// A whole stream of four visible words whose every count is one of `n`.
fn stream(dialect: Dialect, n: &[String]) -> Vec<u8> {
    let [a, b, c, d, e] = n else { panic!("five numbers") };
    match dialect {
        Dialect::Chat | Dialect::Completions => sse(&[
            format!(
                r#"{{"id":"i","choices":[{{"delta":{{"content":"one two "}}}}],"usage":{{"completion_tokens":{b}}}}}"#
            ),
            r#"{"id":"i","choices":[{"delta":{"content":"three four"},"finish_reason":"stop"}]}"#.to_owned(),
            format!(
                r#"{{"id":"i","choices":[],"usage":{{"prompt_tokens":{a},"completion_tokens":{b},"total_tokens":{c},"prompt_tokens_details":{{"cached_tokens":{d}}},"completion_tokens_details":{{"reasoning_tokens":{e}}}}}}}"#
            ),
        ]),
        Dialect::Responses => sse(&[
            r#"{"type":"response.output_text.delta","delta":"one two three four"}"#.to_owned(),
            format!(
                r#"{{"type":"response.completed","response":{{"usage":{{"input_tokens":{a},"output_tokens":{b},"total_tokens":{c},"input_tokens_details":{{"cached_tokens":{d}}},"output_tokens_details":{{"reasoning_tokens":{e}}}}}}}}}"#
            ),
        ]),
        Dialect::Messages => sse(&[
            format!(
                r#"{{"type":"message_start","message":{{"usage":{{"input_tokens":{a},"cache_creation_input_tokens":{c},"cache_read_input_tokens":{d},"output_tokens":1}}}}}}"#
            ),
            r#"{"type":"content_block_delta","delta":{"text":"one two three four"}}"#.to_owned(),
            format!(
                r#"{{"type":"message_delta","delta":{{"stop_reason":"end_turn"}},"usage":{{"output_tokens":{b},"output_tokens_details":{{"thinking_tokens":{e}}}}}}}"#
            ),
        ]),
        Dialect::Gemini => sse(&[format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"one two three four"}}]}},"finishReason":"STOP"}}],"usageMetadata":{{"promptTokenCount":{a},"candidatesTokenCount":{b},"totalTokenCount":{c},"cachedContentTokenCount":{d},"thoughtsTokenCount":{e}}}}}"#
        )]),
        Dialect::Converse => frames(&format!(
            "contentBlockDelta {{\"delta\":{{\"text\":\"one two three four\"}}}}\nmessageStop {{\"stopReason\":\"end_turn\"}}\n\
             metadata {{\"usage\":{{\"inputTokens\":{a},\"outputTokens\":{b},\"totalTokens\":{c},\"cacheReadInputTokens\":{d},\"cacheWriteInputTokens\":{e}}}}}\n"
        )),
    }
}

fn outcome(dialect: Dialect, body: &[u8]) -> Outcome {
    let mut recorded = recording(body, vec![body.len() / 2, body.len()], ExchangeEnd::Complete);
    recorded.head = Some(ResponseHead { status: 200, headers: Vec::new() });
    let [profile, ..] = built_in();
    let ask = GenerationRequest {
        model_id: "m".to_owned(),
        prompt: profile.prompt.clone(),
        max_output_tokens: BUDGET,
        temperature: None,
        reasoning_effort: None,
        metadata: Map::new(),
        deterministic: false,
    };
    let sheet = AttemptSpec {
        id: "id".to_owned(),
        model: ModelRef::new("p", "m"),
        endpoint: RouteEndpoint::default(),
        profile,
        sample_role: "published".to_owned(),
        group: "g".to_owned(),
        number: 1,
        adaptations: Vec::new(),
        ask: ask.clone(),
        request_mode: dialect.request_mode("p"),
        calibration: None,
    };
    let plan = RequestPlan { ask, dialect, quirks: Quirks::default() };
    judge(&recorded, &sheet, &plan, None, &Redactor::new()).outcome
}

fn counts(run: &Run) -> Vec<u64> {
    let tokens = &run.tokens;
    let named = [
        tokens.output_tokens,
        tokens.generated_output_tokens,
        tokens.visible_output_tokens,
        tokens.reasoning_tokens,
        tokens.input_tokens,
        tokens.cached_input_tokens,
        tokens.total_tokens,
        run.stream.max_tokens_per_chunk,
    ];
    named.into_iter().flatten().collect()
}

/// A success whose counts could be true: the bounds of `measure::plausible`, taken together.
fn believable(run: &Run) {
    let most = 1 << 20;
    assert!(counts(run).iter().all(|count| *count < most), "{:?}", run.tokens);
    let (output, visible) = (run.tokens.output_tokens.unwrap(), run.tokens.visible_output_tokens.unwrap());
    assert!(visible <= output && visible <= 4 * u64::from(BUDGET) + 256, "{:?}", run.tokens);
    assert_ne!(run.tokens.input_tokens, Some(0));
    let speeds = &run.speeds;
    let rates = [
        speeds.generated_tokens_per_second,
        speeds.visible_tokens_per_second,
        speeds.decode_tokens_per_second,
    ];
    for rate in rates.into_iter().flatten().chain([speeds.tokens_per_second]) {
        assert!(rate.is_finite() && (0.0..=most as f64 / 0.01).contains(&rate), "{rate}");
    }
    let document: Value = serde_json::to_value(run).unwrap();
    assert!(document["output_tokens"].as_i64().is_some_and(|count| count > 0), "{document}");
}

proptest! {
    #[test]
    fn any_numbers_make_a_row_that_can_be_true_or_a_failure(
        dialect in proptest::sample::select(Dialect::ALL.to_vec()),
        numbers in proptest::collection::vec(number(), 5),
    ) {
        match outcome(dialect, &stream(dialect, &numbers)) {
            Outcome::Success(run) => believable(&run),
            Outcome::Failure(failure) => prop_assert_eq!(failure.error_kind, FailureKind::Protocol, "{}", failure.message),
        }
    }
}

/// Each field of each dialect is looked at: one impossible number among good ones is enough.
#[test]
fn one_impossible_count_anywhere_is_a_failure() {
    for dialect in Dialect::ALL {
        let good = ["9", "4", "13", "0", "0"].map(str::to_owned);
        let Outcome::Success(run) = outcome(dialect, &stream(dialect, &good)) else { panic!("{dialect:?}") };
        believable(&run);
        assert!(!run.quality.suspect, "{:?}", run.quality.suspect_reasons);
        for field in 0..good.len() {
            for wrong in ["18446744073709551615", "4611686018427387904", "-1", "2.5"] {
                let mut numbers = good.clone();
                wrong.clone_into(&mut numbers[field]);
                let Outcome::Failure(failure) = outcome(dialect, &stream(dialect, &numbers)) else {
                    panic!("{dialect:?}: field {field} says {wrong}")
                };
                assert_eq!(failure.error_kind, FailureKind::Protocol);
                assert!(failure.message.starts_with("usage says "), "{}", failure.message);
            }
        }
    }
}
