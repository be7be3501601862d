//! Each wire format, byte for byte as its provider documents it.

use super::client::*;

#[test]
fn chat_is_openais() {
    let server = simulator();
    let reply = chat(&server, "", "steady-ttft5-gap1-n4", 64);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert!(reply.complete && reply.header("x-request-id") == reply.header("x-sim-id"));
    let events = reply.events();
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(events[0]["choices"][0]["delta"]["content"], "");
    assert_eq!(events[1]["choices"][0]["delta"], json!({"content": "Once"}));
    assert_eq!(events[1]["usage"], Value::Null);
    assert_eq!(delta_text(&events, "content"), "Once upon a time");
    assert_eq!(finish_reasons(&events), ["stop"]);
    let usage = &events[events.len() - 2];
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["prompt_tokens"], 3);
    assert_eq!(usage["usage"]["completion_tokens"], 4);
    assert_eq!(events.last(), Some(&json!("[DONE]")));
}

#[test]
fn the_budget_is_honoured() {
    let server = simulator();
    for (model, budget, tokens, finish) in [
        ("steady-ttft1-gap1-n8", 3, 3, "length"),
        ("steady-ttft1-gap1-n3", 3, 3, "length"),
        ("early-stop-ttft1-gap1", 64, 12, "stop"),
        ("length-ttft1-gap0", 70, 70, "length"),
        ("reasoning-ttft1-gap1-r5-n9", 8, 8, "length"),
    ] {
        let events = chat(&server, "", model, budget).events();
        assert_eq!(finish_reasons(&events), [finish], "{model}");
        let usage = &events[events.len() - 2]["usage"];
        assert_eq!(usage["completion_tokens"], tokens, "{model}");
    }
}

#[test]
fn hosts_have_their_own_chat() {
    let server = simulator();
    let model = "reasoning-ttft8-gap1-r3-n4";
    let events = |host: &str| chat(&server, host, model, 64).events();

    let openai = events("/openai");
    assert_eq!(delta_text(&openai, "reasoning") + &delta_text(&openai, "reasoning_content"), "");
    assert_eq!(openai[openai.len() - 2]["usage"]["completion_tokens_details"]["reasoning_tokens"], 3);
    assert!(openai[1]["obfuscation"].is_string());

    let reply = chat(&server, "/groq/openai", model, 64);
    let groq = reply.events();
    assert_eq!(delta_text(&groq, "reasoning"), "The user wants");
    let finish = &groq[groq.len() - 3];
    assert_eq!(finish["x_groq"]["usage"], finish["usage"]);
    let truth = get(&server, &format!("/truth/{}", reply.header("x-sim-id").unwrap())).json();
    let told = |key: &str| finish["usage"][key].as_f64().unwrap();
    let seen = |key: &str| truth["seconds"][key].as_f64().unwrap();
    let same = |one: f64, other: f64| assert!((one - other).abs() < 1e-9, "{one} is not {other}");
    same(told("queue_time") + told("prompt_time"), seen("first_reasoning"));
    same(told("completion_time"), seen("last_visible") - seen("first_reasoning"));
    same(told("total_time"), told("prompt_time") + told("completion_time"));

    let cerebras = events("/cerebras");
    let last = &cerebras[cerebras.len() - 2];
    assert!(last["time_info"]["total_time"].as_f64().unwrap() >= 0.008);
    assert_eq!(last["usage"]["completion_tokens"], 7);

    for (host, field) in
        [("/fireworks", "reasoning_content"), ("/deepinfra", "reasoning_content"), ("/together", "reasoning")]
    {
        let events = events(host);
        assert_eq!(delta_text(&events, field), "The user wants", "{host}");
        assert_eq!(delta_text(&events, "content"), "Once upon a time", "{host}");
        assert_eq!(events.last(), Some(&json!("[DONE]")));
    }
}

#[test]
fn openrouter_keeps_the_line_warm_with_comments() {
    let server = simulator();
    let reply = chat(&server, "/openrouter/api", "reasoning-ttft8-gap1-r2-n2", 64);
    assert!(reply.text().contains(": OPENROUTER PROCESSING\n\n"));
    let events = reply.events();
    assert_eq!(events[1]["choices"][0]["delta"]["content"], "");
    assert_eq!(events[1]["choices"][0]["delta"]["reasoning"], "The");
    assert_eq!(events[1]["provider"], "Simulator");
    let usage = &events[events.len() - 2];
    assert!(usage["usage"]["cost"].is_number() && usage["choices"][0]["delta"]["content"] == "");
}

#[test]
fn fireworks_and_deepinfra_give_more_when_asked() {
    let server = simulator();
    let body = json!({"model": "steady-ttft2-gap1-n3", "stream": true, "perf_metrics_in_response": true,
        "stream_options": {"include_usage": true, "continuous_usage_stats": true}, "messages": []});
    let fireworks = post(&server, "/fireworks/inference/v1/chat/completions", &body).events();
    let metrics = &fireworks[fireworks.len() - 2]["perf_metrics"];
    assert!(metrics["server-time-to-first-token"].as_f64().unwrap() >= 0.002);
    let deepinfra = post(&server, "/deepinfra/v1/openai/chat/completions", &body).events();
    let counts: Vec<_> =
        deepinfra[1..4].iter().map(|event| event["usage"]["completion_tokens"].clone()).collect();
    assert_eq!(counts, [1, 2, 3]);
}

#[test]
fn completions_are_openais() {
    let server = simulator();
    let body = json!({"model": "steady-ttft1-gap1-n4", "stream": true, "prompt": "hi", "max_tokens": 4,
        "stream_options": {"include_usage": true}});
    let events = post(&server, "/v1/completions", &body).events();
    let text: String = events.iter().filter_map(|event| event["choices"][0]["text"].as_str()).collect();
    assert_eq!((text.as_str(), finish_reasons(&events)), ("Once upon a time", vec!["length"]));
    assert_eq!(events[events.len() - 2]["usage"]["completion_tokens"], 4);
}

#[test]
fn responses_are_openais() {
    let server = simulator();
    let mut body = json!({"model": "reasoning-ttft1-gap1-r2-n4", "stream": true, "input": "hi",
        "max_output_tokens": 64, "reasoning": {"effort": "low", "summary": "auto"}});
    let reply = post(&server, "/v1/responses", &body);
    let names = reply.event_names();
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(names, expected.map(|name| format!("response.{name}")));
    let events = reply.events();
    let numbers: Vec<_> = events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
    let response = &events.last().unwrap()["response"];
    assert_eq!(response["usage"]["output_tokens"], 6);
    assert_eq!(response["usage"]["output_tokens_details"]["reasoning_tokens"], 2);
    assert_eq!(response["output"][1]["content"][0]["text"], "Once upon a time");

    body["reasoning"] = json!({"effort": "low"});
    body["max_output_tokens"] = json!(4);
    let hidden = post(&server, "/v1/responses", &body);
    assert!(!hidden.text().contains("reasoning_summary"));
    let response = hidden.events().last().unwrap()["response"].clone();
    assert_eq!(response["status"], "incomplete");
    assert_eq!(response["incomplete_details"]["reason"], "max_output_tokens");
}

#[test]
fn messages_are_anthropics_here_and_on_vertex() {
    let server = simulator();
    let mut body =
        json!({"stream": true, "max_tokens": 64, "messages": [{"role": "user", "content": "hi there"}]});
    let vertex =
        "/v1/projects/p/locations/l/publishers/anthropic/models/reasoning-ttft1-gap1-r2-n4:streamRawPredict";
    let reply = post(&server, vertex, &body);
    let expected = [
        "message_start",
        "ping",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(reply.event_names(), expected);
    let events = reply.events();
    let text = |kind: &str, field: &str| {
        let deltas = events.iter().filter(|event| event["delta"]["type"] == kind);
        deltas.filter_map(|event| event["delta"][field].as_str()).collect::<String>()
    };
    assert_eq!(text("thinking_delta", "thinking"), "The user");
    assert_eq!(text("text_delta", "text"), "Once upon a time");
    assert!(!text("signature_delta", "signature").is_empty());
    assert_eq!(events[0]["message"]["usage"]["output_tokens"], 1);
    let delta = events.iter().find(|event| event["type"] == "message_delta").unwrap();
    assert_eq!(delta["delta"]["stop_reason"], "end_turn");
    assert_eq!((&delta["usage"]["input_tokens"], &delta["usage"]["output_tokens"]), (&json!(2), &json!(6)));

    body["model"] = json!("length-ttft1-gap0");
    assert!(post(&server, "/anthropic/v1/messages", &body).text().contains("\"stop_reason\":\"max_tokens\""));
}

#[test]
fn gemini_counts_on_every_chunk_and_hides_thoughts_unless_asked() {
    let server = simulator();
    let path = "/v1/projects/p/locations/global/publishers/google/models/reasoning-ttft1-gap1-r2-n4:streamGenerateContent";
    let mut body = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {"maxOutputTokens": 64}});
    let reply = post(&server, &format!("{path}?alt=sse"), &body);
    let events = reply.events();
    let part = |event: &Value| event["candidates"][0]["content"]["parts"][0].clone();
    let counts: Vec<_> =
        events.iter().map(|event| event["usageMetadata"]["candidatesTokenCount"].clone()).collect();
    assert_eq!(counts, [1, 2, 3, 4, 4]);
    assert!(events.iter().all(|event| event["usageMetadata"]["thoughtsTokenCount"] == 2));
    assert_eq!(part(&events[0]), json!({"text": "Once"}));
    let last = events.last().unwrap();
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    assert_eq!(last["usageMetadata"]["totalTokenCount"], 7);

    body["generationConfig"]["thinkingConfig"] = json!({"includeThoughts": true});
    let shown = post(&server, &format!("{path}?alt=sse"), &body).events();
    assert_eq!(part(&shown[0]), json!({"text": "The", "thought": true}));
    assert_eq!(post(&server, path, &body).json()["error"]["status"], "INVALID_ARGUMENT");
}

#[test]
fn converse_is_bedrocks_binary_stream() {
    let server = simulator();
    let body = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "inferenceConfig": {"maxTokens": 64}});
    let reply = post(&server, "/model/reasoning-ttft3-gap1-r2-n4/converse-stream", &body);
    assert_eq!(reply.header("content-type"), Some("application/vnd.amazon.eventstream"));
    let frames = frames(&reply.body);
    let mut names: Vec<&str> = frames.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    let expected = [
        "messageStart",
        "contentBlockDelta",
        "contentBlockStop",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ];
    assert_eq!(names, expected);
    let text: String = frames.iter().filter_map(|(_, event)| event["delta"]["text"].as_str()).collect();
    assert_eq!(text, "Once upon a time");
    assert_eq!(frames[1].1["delta"]["reasoningContent"]["text"], "The");
    let metadata = &frames.last().unwrap().1;
    assert_eq!(metadata["usage"]["outputTokens"], 6);
    assert!(metadata["metrics"]["latencyMs"].as_u64().unwrap() >= 8);
    let failed = post(&server, "/model/error-in-stream-ttft1-gap1-n4/converse-stream", &body);
    let frames = super::client::frames(&failed.body);
    assert_eq!(frames.last().unwrap().0, "throttlingException");
}
