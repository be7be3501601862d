//! What each provider is asked: path, headers, body, as its own documentation wants them.

use super::bench::{Case, GOOGLE_TOKEN, KEY, Login, Measured};
use super::cases::*;
use serde_json::{Value, json};

const PROMPT: &str = "Tell a long and happy story about the history of the world.";
const QUICK: &str = "steady-ttft5-gap0-n3";

/// The body as the published profile sends it, and everything that all requests have in common.
fn asked(case: &Case) -> (Measured, Value) {
    let measured = case.measure(QUICK);
    let request = measured.request();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", case.path));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("accept-encoding"), Some("identity"), "a compressed stream comes in lumps");
    let agent = request.header("user-agent").unwrap_or_default();
    assert!(case.login == Login::Aws || agent.starts_with("llmbench/"), "{agent}");
    let body = request.json();
    (measured, body)
}

/// The body of a chat request with one user message.
fn chat_body(case: &Case, budget: &str, options: Value) -> Value {
    json!({"model": case.model, "messages": [{"role": "user", "content": PROMPT}], "stream": true,
        "stream_options": options, (budget): 64, "temperature": 0.1})
}

fn bearer(measured: &Measured) {
    let request = measured.request();
    assert_eq!(request.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!((request.header("x-api-key"), request.header("x-goog-api-key")), (None, None));
}

fn usage() -> Value {
    json!({"include_usage": true})
}

#[test]
fn openai_chat() {
    let (measured, body) = asked(&OPENAI_CHAT);
    bearer(&measured);
    let options = json!({"include_usage": true, "include_obfuscation": false});
    assert_eq!(body, chat_body(&OPENAI_CHAT, "max_completion_tokens", options));
}

#[test]
fn openai_responses_stores_nothing_and_sends_no_temperature() {
    let (measured, body) = asked(&OPENAI_RESPONSES);
    bearer(&measured);
    let wanted = json!({"model": "gpt-5-mini", "input": PROMPT, "stream": true, "max_output_tokens": 64,
        "store": false, "reasoning": {"effort": "low"}, "stream_options": {"include_obfuscation": false}});
    assert_eq!(body, wanted);
}

#[test]
fn a_row_tells_the_budget_that_was_sent() {
    let measured = OPENAI_RESPONSES.measure_with(QUICK, &["--no-store", "--max-tokens", "5"], &[]);
    let (row, body) = (measured.row(), measured.request().json());
    assert_eq!((&row["requested_tokens"], &row["max_output_tokens_attempted"]), (&json!(5), &json!(16)));
    assert_eq!(body["max_output_tokens"], 16);
}

#[test]
fn openai_completions() {
    let (measured, body) = asked(&OPENAI_COMPLETIONS);
    bearer(&measured);
    assert_eq!(
        (&body["prompt"], &body["max_tokens"], &body["messages"]),
        (&json!(PROMPT), &json!(64), &Value::Null)
    );
    assert_eq!(body["stream_options"]["include_usage"], true);
}

#[test]
fn openai_names_who_pays() {
    let variables = [("OPENAI_ORG_ID", "org-a"), ("OPENAI_PROJECT_ID", "proj-b")];
    let measured = OPENAI_CHAT.measure_with(QUICK, &["--no-store"], &variables);
    let request = measured.request();
    let told = (request.header("openai-organization"), request.header("openai-project"));
    assert_eq!(told, (Some("org-a"), Some("proj-b")));
}

#[test]
fn anthropic() {
    let (measured, body) = asked(&ANTHROPIC);
    let request = measured.request();
    assert_eq!((request.header("x-api-key"), request.header("authorization")), (Some(KEY), None));
    assert_eq!(request.header("anthropic-version"), Some("2023-06-01"));
    let wanted = json!({"model": "claude-sonnet-4-5", "max_tokens": 64, "stream": true, "temperature": 0.1,
        "messages": [{"role": "user", "content": PROMPT}]});
    assert_eq!(body, wanted);
}

#[test]
fn anthropic_token_as_bearer_and_no_temperature_from_four_seven_on() {
    let case = Case { model: "claude-opus-4-7", login: Login::Key("ANTHROPIC_AUTH_TOKEN"), ..ANTHROPIC };
    let (measured, body) = asked(&case);
    bearer(&measured);
    assert_eq!(body.get("temperature"), None);
}

#[test]
fn bedrock_is_signed_for_its_region() {
    let (measured, body) = asked(&BEDROCK);
    let authorization = measured.request().header("authorization").unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/"), "{authorization}");
    assert!(authorization.contains("/eu-west-1/bedrock/aws4_request"), "{authorization}");
    let wanted = json!({"messages": [{"role": "user", "content": [{"text": PROMPT}]}],
        "inferenceConfig": {"maxTokens": 64, "temperature": 0.1}});
    assert_eq!(body, wanted);
}

#[test]
fn bedrock_refuses_claude_a_temperature_where_claude_does() {
    let case = Case {
        model: "global.anthropic.claude-opus-4-7",
        path: "/model/global.anthropic.claude-opus-4-7/converse-stream",
        ..BEDROCK
    };
    assert_eq!(asked(&case).1["inferenceConfig"], json!({"maxTokens": 64}));
}

#[test]
fn vertex_gemini_with_a_key_and_with_a_service_account() {
    let wanted = json!({"contents": [{"role": "user", "parts": [{"text": PROMPT}]}],
        "generationConfig": {"maxOutputTokens": 64, "temperature": 0.1}});
    let (express, body) = asked(&VERTEX_EXPRESS);
    let request = express.request();
    assert_eq!((request.header("x-goog-api-key"), request.header("authorization")), (Some(KEY), None));
    assert_eq!(body, wanted);
    let (account, body) = asked(&VERTEX_GEMINI);
    google_token(&account);
    assert_eq!(body, wanted);
}

fn google_token(measured: &Measured) {
    let request = measured.request();
    assert_eq!(request.header("authorization"), Some(format!("Bearer {GOOGLE_TOKEN}").as_str()));
    assert_eq!((request.header("x-goog-api-key"), request.header("x-goog-user-project")), (None, None));
}

#[test]
fn vertex_claude_has_its_model_in_the_path_alone() {
    let (measured, body) = asked(&VERTEX_CLAUDE);
    google_token(&measured);
    assert_eq!(measured.request().header("anthropic-version"), None);
    let wanted = json!({"anthropic_version": "vertex-2023-10-16", "max_tokens": 64, "stream": true,
        "temperature": 0.1, "messages": [{"role": "user", "content": PROMPT}]});
    assert_eq!(body, wanted);
}

#[test]
fn vertex_partner_models_are_asked_as_chat() {
    let (measured, body) = asked(&VERTEX_MAAS);
    google_token(&measured);
    assert_eq!(body, chat_body(&VERTEX_MAAS, "max_tokens", usage()));
}

#[test]
fn groq_and_cerebras_take_the_newer_budget() {
    for case in [&GROQ, &CEREBRAS] {
        let (measured, body) = asked(case);
        bearer(&measured);
        assert_eq!(body, chat_body(case, "max_completion_tokens", usage()), "{}", case.provider);
    }
}

#[test]
fn together_takes_the_older_one() {
    let (measured, body) = asked(&TOGETHER);
    bearer(&measured);
    assert_eq!(body, chat_body(&TOGETHER, "max_tokens", usage()));
}

#[test]
fn fireworks_is_asked_for_its_clock() {
    let (measured, mut body) = asked(&FIREWORKS);
    bearer(&measured);
    let clock = body.as_object_mut().unwrap().remove("perf_metrics_in_response");
    assert_eq!(clock, Some(json!(true)));
    assert_eq!(body, chat_body(&FIREWORKS, "max_tokens", usage()));
}

#[test]
fn deepinfra_is_asked_to_count_along() {
    let (measured, body) = asked(&DEEPINFRA);
    bearer(&measured);
    let options = json!({"include_usage": true, "continuous_usage_stats": true});
    assert_eq!(body, chat_body(&DEEPINFRA, "max_tokens", options));
}

#[test]
fn openrouter_is_told_who_asks() {
    let (measured, body) = asked(&OPENROUTER);
    bearer(&measured);
    assert_eq!(measured.request().header("x-openrouter-title"), Some("llmbench"));
    assert_eq!(body, chat_body(&OPENROUTER, "max_tokens", usage()));
}
