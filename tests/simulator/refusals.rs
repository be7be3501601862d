//! Answers instead of streams.

use super::client::*;

#[test]
fn statuses_come_in_each_dialects_shape() {
    let server = simulator();
    let reply = chat(&server, "", "error401", 5);
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (401, &json!("invalid_api_key")));
    let quota = chat(&server, "", "error429-quota", 5);
    assert_eq!(quota.json()["error"]["type"], "insufficient_quota");
    assert_eq!(quota.header("retry-after"), None);
    assert_eq!(
        chat(&server, "/deepinfra", "error402", 5).json()["detail"]["error"],
        "The account has no credit left."
    );
    assert_eq!(chat(&server, "/openrouter", "error503", 5).json()["error"]["code"], 503);
    assert_eq!(chat(&server, "/cerebras", "error500", 5).json()["type"], "server_error");
    let body = json!({"model": "error529", "stream": true, "max_tokens": 5, "messages": []});
    let reply = post(&server, "/v1/messages", &body);
    assert_eq!((reply.status, &reply.json()["error"]["type"]), (529, &json!("overloaded_error")));
    let gemini = post(&server, "/v1/models/error429:streamGenerateContent?alt=sse", &json!({}));
    assert_eq!(gemini.json()["error"]["status"], "RESOURCE_EXHAUSTED");
    let bedrock = post(&server, "/model/error429/converse-stream", &json!({}));
    assert_eq!((bedrock.status, bedrock.header("x-amzn-errortype")), (429, Some("ThrottlingException")));
}

#[test]
fn a_429_says_wait_in_every_known_way() {
    let server = simulator();
    let header = |model: &str, name: &str| chat(&server, "", model, 5).header(name).map(str::to_owned);
    assert_eq!(header("error429-seconds7", "retry-after").as_deref(), Some("7"));
    assert_eq!(header("error429-ms1500", "retry-after-ms").as_deref(), Some("1500"));
    assert!(header("error429-date30", "retry-after").unwrap().ends_with("GMT"));
    assert_eq!(header("error429-garbage", "retry-after").as_deref(), Some("soon"));
    assert_eq!(header("error429-none", "retry-after"), None);
}

#[test]
fn models_refuse_what_they_do_not_take() {
    let server = simulator();
    let ask = |model: &str, field: &str| {
        let body = json!({"model": model, "stream": true, "messages": [], (field): 1});
        post(&server, "/v1/chat/completions", &body)
    };
    let refused = ask("rejects-temperature", "temperature").json();
    assert_eq!(
        (&refused["error"]["code"], &refused["error"]["param"]),
        (&json!("unsupported_value"), &json!("temperature"))
    );
    let refused = ask("rejects-max-tokens", "max_tokens");
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &json!("unsupported_parameter")));
    assert_eq!(ask("rejects-max-tokens-ttft1", "max_completion_tokens").status, 200);
    assert_eq!(ask("rejects-max-completion-tokens", "max_completion_tokens").status, 400);
    let refused = ask("rejects-logprobs", "logprobs");
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("logprobs")));
    assert!(ask("responses-only", "n").text().contains("only supported in v1/responses"));
    assert!(ask("completions-only", "n").text().contains("v1/completions"));
    let body = json!({"model": "completions-only-ttft1-gap1-n2", "stream": true, "prompt": "x"});
    assert_eq!(post(&server, "/v1/completions", &body).status, 200);
    let unknown = ask("gpt-4o", "n");
    assert_eq!((unknown.status, &unknown.json()["error"]["code"]), (404, &json!("model_not_found")));
    assert!(unknown.text().contains("steady") && unknown.text().contains("flood"));
}

#[test]
fn a_wrong_request_is_told_so() {
    let server = simulator();
    assert_eq!(exchange(server.addr, "POST", "/v1/chat/completions", "{", PATIENCE).status, 400);
    assert_eq!(post(&server, "/v1/nothing", &json!({})).status, 404);
    assert_eq!(post(&server, "/v1/messages", &json!({"model": "steady", "stream": true})).status, 400);
}

#[test]
fn other_answers_than_streams() {
    let server = simulator();
    let page = chat(&server, "", "html", 5);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().starts_with("<!DOCTYPE html>"));
    let elsewhere = chat(&server, "", "redirect", 5);
    assert_eq!(elsewhere.status, 307);
    assert!(elsewhere.header("location").unwrap().contains("elsewhere.invalid"));
}
