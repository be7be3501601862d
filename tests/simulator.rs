//! The simulator over real sockets: each wire format's bytes, each fault, and that the truth is true. The client here is a
//! few lines on a blocking socket, so that no decoder of the project can hide a mistake.

use llmbench::providers::sim::{self, Running, scenario::PRESETS};
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer, as far as it came.
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
    /// Whether the body ended as HTTP frames it.
    complete: bool,
    /// How the socket ended, where it did not end well.
    broken: Option<ErrorKind>,
    /// Bytes of each read.
    reads: Vec<Vec<u8>>,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        let wanted = |line: &&str| line.to_lowercase().starts_with(&format!("{name}:"));
        self.head.lines().find(wanted).map(|line| line[name.len() + 1..].trim())
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The JSON of every data line; `[DONE]` becomes a string.
    fn events(&self) -> Vec<Value> {
        let text = self.text();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data))).collect()
    }

    fn event_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for line in self.text().lines().filter_map(|line| line.strip_prefix("event: ")) {
            if names.last().is_none_or(|last| last != line) {
                names.push(line.to_owned());
            }
        }
        names
    }
}

fn simulator() -> Running {
    sim::start_in_process().unwrap()
}

/// Sends a request and reads until the server closes, breaks, or says nothing for `patience`.
fn exchange(addr: SocketAddr, method: &str, path: &str, body: &str, patience: Duration) -> Reply {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let (mut all, mut reads, mut buffer) = (Vec::new(), Vec::new(), vec![0_u8; 1 << 16]);
    let broken = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break None,
            Ok(count) => {
                all.extend_from_slice(&buffer[..count]);
                reads.push(buffer[..count].to_vec());
            }
            Err(error) => break Some(error.kind()),
        }
    };
    reply(&all, reads, broken)
}

fn reply(all: &[u8], reads: Vec<Vec<u8>>, broken: Option<ErrorKind>) -> Reply {
    let end = all.windows(4).position(|window| window == b"\r\n\r\n").map_or(all.len(), |at| at + 4);
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let status = head.get(9..12).map_or(0, |status| status.parse().unwrap());
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    let (body, complete) = if chunked { dechunked(&all[end..]) } else { (all[end..].to_vec(), true) };
    Reply { status, head, body, complete, broken, reads }
}

fn dechunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        rest = &rest[line + 2..];
        if size == 0 {
            return (body, true);
        }
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        rest = rest.get(size + 2..).unwrap_or_default();
    }
    (body, false)
}

const PATIENCE: Duration = Duration::from_secs(20);

fn post(server: &Running, path: &str, body: &Value) -> Reply {
    exchange(server.addr, "POST", path, &body.to_string(), PATIENCE)
}

fn get(server: &Running, path: &str) -> Reply {
    exchange(server.addr, "GET", path, "", PATIENCE)
}

/// A chat request with usage.
fn chat(server: &Running, prefix: &str, model: &str, budget: u32) -> Reply {
    let body = json!({
        "model": model, "stream": true, "max_completion_tokens": budget,
        "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "one two three"}],
    });
    post(server, &format!("{prefix}/v1/chat/completions"), &body)
}

/// Text of all deltas of a chat stream, at a field.
fn delta_text(events: &[Value], field: &str) -> String {
    events.iter().filter_map(|event| event["choices"][0]["delta"][field].as_str()).collect()
}

fn finish_reasons(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["choices"][0]["finish_reason"].as_str()).collect()
}

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

    let groq = events("/groq/openai");
    assert_eq!(delta_text(&groq, "reasoning"), "The user wants");
    let finish = &groq[groq.len() - 3];
    assert_eq!(finish["x_groq"]["usage"], finish["usage"]);
    let times =
        ["prompt_time", "completion_time", "total_time"].map(|key| finish["usage"][key].as_f64().unwrap());
    assert!(
        times[0] > 0.007 && times[1] > 0.005 && (times[0] + times[1] - times[2]).abs() < 1e-9,
        "{times:?}"
    );

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

/// Headers and payloads of a Bedrock stream; stops at the first frame that is damaged.
fn frames(mut body: &[u8]) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    while !body.is_empty() {
        let Ok(message) = aws_smithy_eventstream::frame::read_message_from(&mut body) else { break };
        let kind = message
            .headers()
            .iter()
            .find(|header| [":event-type", ":exception-type"].contains(&header.name().as_str()));
        let name = kind.unwrap().value().as_string().unwrap().as_str().to_owned();
        out.push((name, serde_json::from_slice(message.payload()).unwrap()));
    }
    out
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
    let frames = self::frames(&failed.body);
    assert_eq!(frames.last().unwrap().0, "throttlingException");
}

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

#[test]
fn connections_really_break() {
    let server = simulator();
    let cut = chat(&server, "", "cut-ttft1-gap1-n6", 64);
    assert!(!cut.complete && cut.broken.is_none());
    assert_eq!(delta_text(&cut.events(), "content"), "Once upon a");
    let reset = chat(&server, "", "reset-ttft1-gap5-n6", 64);
    assert!(!reset.complete && reset.broken == Some(ErrorKind::ConnectionReset));
    assert_eq!(delta_text(&reset.events(), "content"), "Once upon a");
    let early = chat(&server, "", "cut-ttft1-after0", 64);
    assert!(!early.complete && delta_text(&early.events(), "content").is_empty());
}

#[test]
fn silence_is_silent() {
    let server = simulator();
    let wait = Duration::from_millis(300);
    let ask = |model: &str| {
        let body = json!({"model": model, "stream": true, "messages": []}).to_string();
        exchange(server.addr, "POST", "/v1/chat/completions", &body, wait)
    };
    let hung = ask("hang");
    assert!(hung.head.is_empty() && hung.broken.is_some());
    let stalled = ask("stall-ttft1-gap1-n6");
    assert_eq!(delta_text(&stalled.events(), "content"), "Once upon a");
    assert!(!stalled.complete && stalled.broken.is_some());
    let outcomes: Vec<_> = get(&server, "/truth").json()["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| request["outcome"].clone())
        .collect();
    assert_eq!(outcomes[1], "stalled");
}

#[test]
fn streams_go_wrong_after_a_good_start() {
    let server = simulator();
    let events = |model: &str| chat(&server, "", model, 64).events();
    let failed = events("error-in-stream-ttft1-gap1-n6");
    assert_eq!(delta_text(&failed, "content"), "Once upon a");
    assert!(failed.last().unwrap()["error"]["message"].is_string());
    let open = chat(&server, "", "no-finish-ttft1-gap1-n4", 64);
    assert!(open.complete && finish_reasons(&open.events()).is_empty() && !open.text().contains("[DONE]"));
    let uncounted = events("no-usage-ttft1-gap1-n4");
    assert!(
        uncounted.iter().all(|event| !event["usage"].is_object()) && finish_reasons(&uncounted) == ["stop"]
    );
    let broken = events("malformed-ttft1-gap1-n4");
    assert_eq!(broken.iter().filter(|event| event.is_string()).count(), 2, "one broken event and [DONE]");
    assert_eq!(delta_text(&broken, "content"), "Once upon a time");
    let spent = events("budget-ttft1-gap1");
    assert_eq!((delta_text(&spent, "content").as_str(), finish_reasons(&spent)), ("", vec!["length"]));
    let hollow = events("empty-choices-ttft1-gap1-n4");
    assert_eq!(hollow.iter().filter(|event| event["choices"] == json!([])).count(), 3);
    let responses =
        post(&server, "/v1/responses", &json!({"model": "error-in-stream-ttft1-gap1-n4", "stream": true}));
    assert_eq!(
        responses.event_names().iter().rev().take(2).collect::<Vec<_>>(),
        ["response.failed", "error"]
    );
}

#[test]
fn bytes_can_be_nasty() {
    let server = simulator();
    let plain = chat(&server, "", "steady-ttft1-gap1-n4", 64);
    let lines = |model: &str| chat(&server, "", model, 64).text();
    let like_plain = |text: &str| text.lines().count() == plain.text().lines().count();
    let crlf = lines("crlf-ttft1-gap1-n4");
    assert!(crlf.ends_with("data: [DONE]\r\n\r\n") && like_plain(&crlf));
    let cr = lines("cr-ttft1-gap1-n4");
    assert!(cr.ends_with("data: [DONE]\r\r") && like_plain(&cr.replace('\r', "\n")));
    assert!(lines("bom-ttft1-gap1-n4").starts_with("\u{feff}data: {"));
    let long = chat(&server, "", "long-line-ttft1-gap1-n4", 64);
    assert!(long.complete && long.text().lines().any(|line| line.len() > 10_000_000));
    let bad = chat(&server, "", "bad-utf8-ttft1-gap1-n4", 64);
    assert!(bad.complete && std::str::from_utf8(&bad.body).is_err());
    assert_eq!(chat(&server, "", "no-content-type-ttft1-gap1-n2", 64).header("content-type"), None);
    let bedrock = post(&server, "/model/bom-ttft1-gap1-n2/converse-stream", &json!({}));
    assert_eq!(frames(&bedrock.body).last().unwrap().0, "metadata");
}

#[test]
fn writes_can_end_inside_a_character() {
    let server = simulator();
    let reply = chat(&server, "", "split-utf8-ttft1-gap5-n8", 64);
    assert!(delta_text(&reply.events(), "content").starts_with("Größe naïve"));
    assert!(
        reply.reads.iter().any(|read| std::str::from_utf8(read).is_err()),
        "no read ended inside a character"
    );
}

#[test]
fn drip_sends_a_byte_at_a_time() {
    let server = simulator();
    let reply = chat(&server, "", "drip-ttft1-gap1-n2", 64);
    assert_eq!(delta_text(&reply.events(), "content"), "Once upon");
    let plain = chat(&server, "", "steady-ttft1-gap1-n2", 64);
    assert!(reply.complete && reply.reads.len() > 4 * plain.reads.len());
}

#[test]
fn endless_ends_when_the_client_leaves() {
    let server = simulator();
    let mut stream = TcpStream::connect(server.addr).unwrap();
    let body =
        json!({"model": "endless-ttft0-gap0", "stream": true, "max_tokens": 1, "messages": []}).to_string();
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nHost: s\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).unwrap();
    let mut taken = vec![0_u8; 4_000_000];
    stream.read_exact(&mut taken).unwrap();
    drop(stream);
    let gone = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        get(&server, "/truth/sim-000001").json()["outcome"] == "client_gone"
    });
    assert!(gone);
}

#[test]
fn the_truth_never_comes_before_its_schedule() {
    let server = simulator();
    let reply = chat(&server, "", "reasoning-ttft30-gap4-r3-n10", 64);
    let id = reply.header("x-request-id").unwrap().to_owned();
    let truth = get(&server, &format!("/truth/{id}")).json();
    assert_eq!(
        (&truth["outcome"], &truth["visible_tokens"], &truth["reasoning_tokens"]),
        (&json!("complete"), &json!(10), &json!(3))
    );
    let seconds = |name: &str| truth["seconds"][name].as_f64().unwrap();
    assert!(seconds("first_reasoning") >= 0.030 && seconds("first_visible") >= 0.042);
    assert!(seconds("head") < seconds("first_reasoning") && seconds("end") >= seconds("last_visible"));
    let stamps: Vec<f64> =
        truth["visible_token_seconds"].as_array().unwrap().iter().map(|at| at.as_f64().unwrap()).collect();
    assert_eq!(stamps.len(), 10);
    for (index, at) in stamps.iter().enumerate() {
        assert!(*at >= 0.030 + 0.004 * (3 + index) as f64, "token {index} left early: {at}");
    }
    let received = truth["received_monotonic_ns"].as_u64().unwrap();
    let absolute = truth["monotonic_ns"]["first_visible"].as_u64().unwrap();
    assert!(((absolute - received) as f64 / 1e9 - seconds("first_visible")).abs() < 1e-9);
    assert_eq!(truth["about"]["planned"]["first_visible_seconds"], 0.042);
}

#[test]
fn a_flood_is_counted_without_a_stamp_for_each_token() {
    let server = simulator();
    let reply = chat(&server, "", "flood", 1000);
    assert_eq!(reply.events().len(), 1 + 1000 + 3);
    let id = reply.header("x-sim-id").unwrap();
    let truth = get(&server, &format!("/truth/{id}")).json();
    assert_eq!((&truth["visible_tokens"], &truth["visible_token_seconds"]), (&json!(1000), &json!([])));
}

#[test]
fn lists_health_and_truth() {
    let server = simulator();
    assert_eq!(get(&server, "/health").json()["status"], "ok");
    let list = get(&server, "/v1/models").json();
    assert_eq!(list["data"].as_array().unwrap().len(), PRESETS.len());
    assert!(get(&server, "/together/v1/models").json().is_array());
    chat(&server, "", "flood-n2", 5);
    chat(&server, "", "error500", 5);
    let recent = get(&server, "/truth?recent=1").json();
    assert_eq!(recent["requests"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&recent["requests"][0]["status"], &recent["requests"][0]["outcome"]),
        (&json!(500), &json!("complete"))
    );
    assert_eq!(get(&server, "/truth/sim-999999").status, 404);
}

#[test]
fn every_preset_answers_something() {
    let server = simulator();
    for preset in PRESETS.iter().filter(|preset| !["endless", "hang", "stall"].contains(&preset.name)) {
        let reply = chat(&server, "", &format!("{}-ttft1-gap0-n4", preset.name), 4);
        assert!(reply.status >= 200, "{}", preset.name);
    }
}

#[test]
fn stopping_ends_open_connections() {
    let server = simulator();
    let addr = server.addr;
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = json!({"model": "steady-ttft600000", "stream": true, "messages": []}).to_string();
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nHost: s\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).unwrap();
    let mut buffer = [0_u8; 4096];
    assert!(stream.read(&mut buffer).unwrap() > 0);
    drop(server);
    let ended = std::iter::repeat_with(|| stream.read(&mut buffer)).find(|read| !matches!(read, Ok(1..)));
    assert!(matches!(ended, Some(Ok(0))) || ended.unwrap().unwrap_err().kind() == ErrorKind::ConnectionReset);
    assert!(TcpStream::connect(addr).is_err());
}
