//! What a row says of each provider's answer: counts, finish, labels, the split of reasoning, the provider's own clock.

use super::bench::{Case, Measured};
use super::cases::*;
use super::http;
use serde_json::{Value, json};

/// 64 tokens, the first after 30 ms.
const STEADY: &str = "steady-ttft30-gap1-n64";
/// 6 reasoning tokens, then 20 visible ones; 2 ms between any two.
const REASONED: &str = "reasoning-ttft30-gap2-r6-n20";

fn number(row: &Value, field: &str) -> f64 {
    row[field].as_f64().unwrap_or_else(|| panic!("{field} in {row}"))
}

/// What holds for every row whatever the provider.
fn sound(case: &Case, measured: &Measured, first: f64) {
    let row = measured.row();
    assert_eq!((&row["provider"], &row["model_name"]), (&json!(case.provider), &json!(case.model)));
    assert_eq!(row["request_mode"], case.request_mode);
    let source = row["token_source"].as_str().unwrap();
    assert_eq!(source.trim_end_matches("_split_by_tiktoken"), case.token_source);
    let (ttft, total) = (number(row, "time_to_first_token"), number(row, "generate_time"));
    assert!(first <= ttft && ttft < total, "{ttft} of {total}");
    let rate = number(row, "output_tokens") / total;
    assert!((number(row, "tokens_per_second") / rate - 1.0).abs() < 1e-9);
    assert!(row["response_id"].as_str().is_some_and(|id| !id.is_empty()), "{row}");
    assert!(number(row, "input_tokens") > 0.0);
    assert_eq!(
        row["total_tokens"],
        json!(number(row, "input_tokens") as u64 + number(row, "output_tokens") as u64)
    );
    assert_eq!((&row["attempt"], &row["adaptations"]), (&json!(1), &json!([])));
    assert_eq!((&row["sample_role"], &row["connection"]), (&json!("manual"), &json!("cold")));
}

#[test]
fn every_provider_counts_exactly() {
    for case in ALL {
        let measured = case.measure(STEADY);
        sound(case, &measured, 0.030);
        let row = measured.row();
        for field in
            ["output_tokens", "generated_output_tokens", "visible_output_tokens", "visible_stream_chunks"]
        {
            assert_eq!(row[field], 64, "{field} of {}", case.request_mode);
        }
        assert_eq!(row["times_between_tokens"].as_array().unwrap().len(), 63);
        assert_eq!(row["finish_reason"], finish(case), "{}", case.request_mode);
        let sixty_fourth = number(row, "time_to_64_visible_tokens_seconds");
        assert!((sixty_fourth - number(row, "last_visible_seconds")).abs() < 1e-9);
    }
}

/// The scenario ends where the budget does.
fn finish(case: &Case) -> Value {
    let word = match case.request_mode {
        "openai_responses_stream" | "openai_chat_completions_stream" => "max_output_tokens",
        "vertex_gemini_stream" | "google_gemini_stream" => "MAX_TOKENS",
        mode if mode.ends_with("messages_stream") || mode.ends_with("converse_stream") => "max_tokens",
        _ => "length",
    };
    json!(word)
}

#[test]
fn a_natural_end_is_told_in_the_providers_word() {
    for (case, word) in [
        (&OPENAI_CHAT, "stop"),
        (&OPENAI_RESPONSES, "completed"),
        (&ANTHROPIC, "end_turn"),
        (&BEDROCK, "end_turn"),
        (&VERTEX_GEMINI, "STOP"),
    ] {
        let measured = case.measure("steady-ttft5-gap0-n7");
        assert_eq!(
            (&measured.row()["finish_reason"], &measured.row()["output_tokens"]),
            (&json!(word), &json!(7))
        );
        assert_eq!(measured.row()["time_to_64_visible_tokens_seconds"], Value::Null);
    }
}

/// Providers that show reasoning, and whether they count it.
const SHOWN: [(&Case, Option<u64>); 8] = [
    (&ANTHROPIC, Some(6)),
    (&BEDROCK, None),
    (&GROQ, Some(6)),
    (&TOGETHER, None),
    (&CEREBRAS, Some(6)),
    (&FIREWORKS, None),
    (&DEEPINFRA, Some(6)),
    (&OPENROUTER, Some(6)),
];

#[test]
fn reasoning_that_is_shown_is_split_off() {
    for (case, counted) in SHOWN {
        let measured = case.measure(REASONED);
        sound(case, &measured, 0.042);
        let row = measured.row();
        let reasoning = number(row, "time_to_first_reasoning_token");
        // On a busy machine one read may bring both: never later, not always earlier.
        assert!(0.030 <= reasoning && reasoning <= number(row, "time_to_first_token"), "{}", case.provider);
        assert_eq!((&row["output_tokens"], &row["reasoning_tokens"]), (&json!(26), &json!(counted)));
        assert_eq!(row["visible_stream_chunks"], 20);
        let split = row["token_source"].as_str().unwrap().ends_with("_split_by_tiktoken");
        assert_eq!(split, counted.is_none(), "{}", case.provider);
        let visible = number(row, "visible_output_tokens");
        // Words of different length: the tokenizer's share of 26 is about 20.
        assert!(if split { (18.0..=22.0).contains(&visible) } else { visible == 20.0 }, "{visible}");
        // Reasoning never advances the 64th visible token, and there are but 20.
        assert_eq!(row["time_to_64_visible_tokens_seconds"], Value::Null);
    }
}

#[test]
fn hidden_reasoning_is_counted_and_never_seen() {
    for case in [&OPENAI_CHAT, &OPENAI_RESPONSES, &VERTEX_GEMINI] {
        let measured = case.measure(REASONED);
        sound(case, &measured, 0.042);
        let row = measured.row();
        assert_eq!(row["time_to_first_reasoning_token"], Value::Null, "{}", case.request_mode);
        let counts = (&row["output_tokens"], &row["reasoning_tokens"], &row["visible_output_tokens"]);
        assert_eq!(counts, (&json!(26), &json!(6), &json!(20)), "{}", case.request_mode);
    }
}

#[test]
fn tokens_in_one_event_are_counted_where_the_provider_counts_along() {
    let chunky = "chunky-ttft5-gap5-n64";
    let deepinfra = DEEPINFRA.measure(chunky);
    assert_eq!(deepinfra.row()["max_tokens_per_chunk"], 4);
    for case in [&DEEPINFRA, &ANTHROPIC, &BEDROCK] {
        let measured = case.measure(chunky);
        let row = measured.row();
        assert_eq!((&row["visible_stream_chunks"], &row["output_tokens"]), (&json!(16), &json!(64)));
        assert_eq!(row["stream_resolution"], "coarse", "{}", case.provider);
    }
}

#[test]
fn a_missing_usage_is_counted_here_and_says_so() {
    for case in [&OPENAI_CHAT, &ANTHROPIC, &BEDROCK, &VERTEX_GEMINI] {
        let measured = case.measure("no-usage-ttft5-gap1-n20");
        let row = measured.row();
        assert_eq!(row["token_source"], "tiktoken_visible_text", "{}", case.request_mode);
        assert!(number(row, "output_tokens") > 0.0);
        assert_eq!(row["reasoning_tokens"], Value::Null);
        // It had to come: the row is kept, and the published collection does not get it.
        assert_eq!(row["suspect"], true, "{}", case.request_mode);
        let reasons = row["suspect_reasons"].as_array().unwrap();
        // A busy machine may add a reason of its own.
        assert!(reasons.iter().any(|reason| reason.as_str().unwrap().contains("no usage")), "{row}");
    }
}

#[test]
fn a_count_that_cannot_be_is_a_failure_and_never_a_rate() {
    for (count, said) in [(u64::MAX, "usage says 1.8e19 tokens"), (1 << 50, "usage says 1.1e15 tokens of 64")]
    {
        let measured = GROQ.measure_answer(&counted_at(9, count, 0));
        let row = &measured.rows[0];
        assert_eq!((&row["outcome"], &row["error_kind"]), (&json!("failure"), &json!("protocol")), "{row}");
        assert!(row["message"].as_str().unwrap().starts_with(said), "{row}");
        assert_eq!(row.get("output_tokens"), None);
    }
}

#[test]
fn zero_usage_beside_text_is_unknown_and_not_zero() {
    let measured = GROQ.measure_answer(&counted_at(0, 0, 0));
    let row = measured.row();
    assert_eq!((&row["input_tokens"], &row["total_tokens"]), (&Value::Null, &Value::Null));
    assert_eq!((&row["token_source"], &row["suspect"]), (&json!("tiktoken_visible_text"), &json!(true)));
}

/// A chat stream whose counts are these.
fn counted(completion: u64, reasoning: u64) -> String {
    counted_at(9, completion, reasoning)
}

/// The same with a count of the prompt.
fn counted_at(prompt: u64, completion: u64, reasoning: u64) -> String {
    let total = prompt.saturating_add(completion);
    let usage = json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total,
        "completion_tokens_details": {"reasoning_tokens": reasoning}});
    let events = [
        json!({"id": "c", "choices": [{"index": 0, "delta": {"content": "Once upon a time"}}]}),
        json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
        json!({"id": "c", "choices": [], "usage": usage}),
    ];
    let data: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    http::answer("200 OK", "content-type: text/event-stream\r\n", &format!("{data}data: [DONE]\n\n"))
}

#[test]
fn counts_that_leave_reasoning_out_are_made_whole() {
    let gemma = Case { model: "google/gemma-4-31b", ..DEEPINFRA };
    let grok = Case { model: "xai/grok-4.20-reasoning", ..VERTEX_MAAS };
    // Reasoning that exceeds its whole was left out, whoever says so.
    for (case, completion, reasoning, output) in
        [(&gemma, 20, 6, 26), (&grok, 20, 6, 26), (&DEEPINFRA, 20, 6, 20), (&DEEPINFRA, 5, 9, 14)]
    {
        let measured = case.measure_answer(&counted(completion, reasoning));
        let row = measured.row();
        assert_eq!(row["output_tokens"], output, "{}", case.model);
        let split = (&row["reasoning_tokens"], &row["visible_output_tokens"]);
        assert_eq!(split, (&json!(reasoning), &json!(output - reasoning)), "{}", case.model);
    }
}

#[test]
fn origins_are_kept() {
    let measured = OPENROUTER.measure(STEADY);
    let row = measured.row();
    assert_eq!(
        (&row["observed_provider"], &row["transport_provider"]),
        (&json!("Simulator"), &json!("openrouter"))
    );
    let measured = OPENAI_RESPONSES.measure(STEADY);
    let row = measured.row();
    assert_eq!((&row["response_status"], &row["service_tier"]), (&json!("incomplete"), &json!("default")));
    assert_eq!((&row["reasoning_effort"], &row["observed_provider"]), (&json!("low"), &Value::Null));
    // The simulator names the scenario: what was asked and what answered are two fields.
    assert_eq!((&row["response_model"], &row["model_name"]), (&json!(STEADY), &json!("gpt-5-mini")));
}

/// The provider's own time to its first token, as its documentation defines it.
fn theirs(case: &Case, clock: &Value) -> f64 {
    match case.provider {
        "fireworks" => number(clock, "server-time-to-first-token"),
        _ => number(clock, "queue_time") + number(clock, "prompt_time"),
    }
}

#[test]
fn the_providers_clock_fits_into_ours() {
    for case in [&GROQ, &CEREBRAS, &FIREWORKS] {
        for (scenario, ours) in [(STEADY, "time_to_first_token"), (REASONED, "time_to_first_reasoning_token")]
        {
            let measured = case.measure(scenario);
            let row = measured.row();
            let (theirs, ours) = (theirs(case, &row["provider_timing"]), number(row, ours));
            assert!(0.030 <= theirs && theirs <= ours, "{}: {theirs} in {ours}", case.provider);
        }
    }
    let measured = GROQ.measure(STEADY);
    let clock = &measured.row()["provider_timing"];
    let whole = number(clock, "prompt_time") + number(clock, "completion_time");
    assert!((number(clock, "total_time") - whole).abs() < 1e-9, "the total leaves the queue out");
    assert!(number(clock, "queue_time") + whole <= number(measured.row(), "generate_time"));
    let measured = BEDROCK.measure(STEADY);
    let latency = number(&measured.row()["provider_timing"], "latency");
    assert!(0.030 <= latency && latency <= number(measured.row(), "generate_time"));
}

#[test]
fn a_report_sets_both_clocks_side_by_side() {
    for scenario in [STEADY, REASONED] {
        let measured = GROQ.report(scenario);
        let metrics = &measured["models"][0]["metrics"];
        let (theirs, beyond) =
            (number(&metrics["provider_ttft"], "p50"), number(&metrics["ttft_beyond_provider"], "p50"));
        let first = if scenario == STEADY { "ttft" } else { "ttfrt" };
        let ours = number(&metrics[first], "p50");
        assert!((ours - theirs - beyond).abs() < 1e-9 && beyond >= 0.0, "{ours} - {theirs} is not {beyond}");
    }
}
