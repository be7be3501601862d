//! What a refusal teaches: the same question goes to the API family that the answer names, as an attempt of its own, and
//! the next run knows it beforehand.

use super::bench::{self, Measured};
use super::cases::{OPENAI_CHAT, OPENAI_RESPONSES};
use super::http;
use crate::support::Home;
use llmbench::simulator;
use serde_json::{Value, json};

fn paths(measured: &Measured) -> Vec<&str> {
    measured.requests.iter().map(|request| request.path.as_str()).collect()
}

fn outcomes(measured: &Measured) -> Vec<&Value> {
    measured.rows.iter().map(|row| &row["outcome"]).collect()
}

#[test]
fn a_model_of_the_responses_api_is_asked_there() {
    let measured = OPENAI_CHAT.measure("responses-only-ttft10-gap1-n16");
    assert_eq!(paths(&measured), ["/openai/v1/chat/completions", "/openai/v1/responses"]);
    assert_eq!(outcomes(&measured), ["failure", "success"]);
    assert!(measured.output.status.success(), "a lesson is no failure: {}", measured.stderr());
    let (refused, counted) = (&measured.rows[0], &measured.rows[1]);
    assert_eq!((&refused["error_kind"], &refused["http_status"]), (&json!("hard_capability"), &json!(404)));
    assert_eq!((&refused["attempt"], &refused["adaptations"]), (&json!(1), &json!([])));
    assert_eq!((&counted["attempt"], &counted["adaptations"]), (&json!(2), &json!(["use_responses"])));
    assert_eq!(refused["attempt_group"], counted["attempt_group"]);
    assert_eq!(
        (&counted["request_mode"], &counted["output_tokens"]),
        (&json!("openai_responses_stream"), &json!(16))
    );
    let body = measured.requests[1].json();
    assert_eq!(
        (&body["input"].is_string(), &body["store"], &body["messages"]),
        (&true, &json!(false), &Value::Null)
    );
    assert!(measured.stderr().contains("use_responses"), "{}", measured.stderr());
}

#[test]
fn a_model_of_the_completions_api_is_asked_there() {
    for case in [&OPENAI_CHAT, &OPENAI_RESPONSES] {
        let measured = case.measure("completions-only-ttft10-gap1-n16");
        assert_eq!(paths(&measured), [case.path, "/openai/v1/completions"]);
        assert_eq!(outcomes(&measured), ["failure", "success"]);
        assert_eq!(measured.rows[1]["adaptations"], json!(["use_completions"]));
    }
}

#[test]
fn a_refused_parameter_is_left_out() {
    let measured = OPENAI_CHAT.measure("rejects-temperature-ttft10-gap1-n16");
    assert_eq!(outcomes(&measured), ["failure", "success"]);
    assert_eq!(measured.requests[0].json()["temperature"], 0.1);
    assert_eq!(measured.requests[1].json().get("temperature"), None);
    let measured = OPENAI_CHAT.measure("rejects-max-completion-tokens-ttft10-gap1-n16");
    assert_eq!(measured.rows[1]["adaptations"], json!(["use_max_tokens"]));
    assert_eq!(measured.requests[1].json()["max_tokens"], 64);
}

#[test]
fn a_lesson_is_remembered_with_the_model() {
    let simulator = simulator::start_in_process().unwrap();
    let scenario = "responses-only-ttft10-gap1-n16";
    let (address, kept) = http::hand_on(simulator.addr, OPENAI_CHAT.model, scenario, |_| None);
    let home = Home::new();
    for expected in [2, 3] {
        let mut command = home.llmbench(&["run", "--ndjson", "--model", "openai:gpt-4o-mini"]);
        command.envs(OPENAI_CHAT.environment(&format!("http://{address}"), home.path()));
        let measured = bench::measured(command.output().unwrap(), &kept);
        assert!(measured.output.status.success(), "{}", measured.stderr());
        assert_eq!(measured.requests.len(), expected, "the second run asks rightly at once");
        assert_eq!(measured.rows.last().unwrap()["adaptations"], json!(["use_responses"]));
    }
}
