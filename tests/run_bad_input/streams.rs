//! Answers that are strange or broken, from the simulator where it can, else byte by byte.

use crate::raw_server::{Act, STREAM_HEAD, chunk, play, send, wait_ms};
use crate::support::Home;
use crate::support::answers::{DONE, STOP, USAGE, asked, calling, plain, stream, text};
use crate::support::ran::ran;
use serde_json::Value;

/// Measures a simulated model, fast, and gives its line.
fn line(model: &str) -> serde_json::Map<String, Value> {
    Home::new().measured(&format!("sim:{model}-ttft2-gap1"))
}

/// Kind, stage and HTTP status of a failure.
fn failed(line: &serde_json::Map<String, Value>) -> (&str, &str, Option<u64>) {
    assert_eq!(line["outcome"], "failure", "{line:?}");
    let word = |name: &str| line[name].as_str().unwrap();
    (word("error_kind"), word("stage"), line["http_status"].as_u64())
}

#[test]
fn every_way_to_write_lines_and_letters_is_understood() {
    for model in
        ["crlf-n8", "cr-n8", "bom-n8", "split-utf8-n8", "empty-choices-n8", "no-content-type-n8", "drip-n8"]
    {
        let line = line(model);
        assert_eq!(
            (&line["outcome"], &line["visible_output_tokens"]),
            (&"success".into(), &8.into()),
            "{model}"
        );
        assert_eq!(line["token_source"], "provider_usage_completion_tokens", "{model}");
    }
    // One of its events is not text: the answer is measured all the same, and its letters are not invented.
    assert_eq!(line("bad-utf8-n8")["outcome"], "success");
}

#[test]
fn missing_usage_is_counted_here_and_says_so() {
    let line = line("no-usage-n8");
    assert_eq!(
        (&line["token_source"], &line["reasoning_tokens"]),
        (&"tiktoken_visible_text".into(), &Value::Null)
    );
    assert!(line["visible_output_tokens"].as_u64().unwrap() > 0);
    assert_eq!(line["input_tokens"], Value::Null, "nobody counted them");
}

#[test]
fn what_ends_too_early_is_a_failure() {
    for (model, expected) in [
        ("error-in-stream-n8", ("transient_provider", "stream", Some(200))),
        ("cut-n8", ("truncated", "stream", Some(200))),
        ("reset-n8", ("truncated", "stream", Some(200))),
        ("no-finish-n8", ("truncated", "stream", Some(200))),
        ("malformed-n8", ("protocol", "stream", Some(200))),
        ("budget", ("budget_exhausted", "validate", Some(200))),
        ("error401", ("auth", "response", Some(401))),
        ("error402", ("billing", "response", Some(402))),
        ("error500", ("transient_provider", "response", Some(500))),
        ("error529", ("transient_provider", "response", Some(529))),
    ] {
        assert_eq!(failed(&line(model)), expected, "{model}");
    }
}

#[test]
fn an_error_before_the_first_token_is_the_providers_word() {
    let error =
        "data: {\"error\":{\"message\":\"No GPU is free.\",\"type\":\"server_error\",\"code\":null}}\n\n";
    let line = asked(&Home::new(), stream(&[error])).line();
    assert_eq!(failed(&line), ("transient_provider", "stream", Some(200)));
    assert_eq!(
        (&line["message"], &line["provider_error_code"]),
        (&"No GPU is free.".into(), &"server_error".into())
    );
}

#[test]
fn an_error_after_tokens_keeps_what_was_known_by_then() {
    let error = "data: {\"error\":{\"message\":\"The server went away.\",\"type\":\"server_error\"}}\n\n";
    let line = asked(&Home::new(), stream(&[&text("one"), &text(" two"), error])).line();
    assert_eq!(failed(&line), ("transient_provider", "stream", Some(200)));
    assert_eq!(line["message"], "The server went away.");
    assert!(line["last_visible_seconds"].as_f64().is_some(), "{line:?}");
}

#[test]
fn a_web_page_is_no_stream() {
    let page = "<!DOCTYPE html><html><body>Welcome to the captive portal</body></html>";
    let home = Home::new();
    let line = asked(&home, plain("200 OK", "content-type: text/html\r\n", page)).line();
    assert_eq!(failed(&line), ("protocol", "stream", Some(200)));
    assert!(
        line["message"].as_str().unwrap().starts_with("HTML or XML instead of an event stream: <!DOCTYPE")
    );
    let busy = "<html><body><h1>502 Bad Gateway</h1><center>nginx</center></body></html>";
    let line = asked(&home, plain("502 Bad Gateway", "content-type: text/html\r\n", busy)).line();
    assert_eq!(failed(&line), ("transient_provider", "response", Some(502)));
}

#[test]
fn an_answer_of_nothing_is_a_failure() {
    let home = Home::new();
    for (acts, expected) in [
        (stream(&[]), "truncated"),
        (stream(&[": ping\n\n", DONE]), "truncated"),
        (stream(&[STOP, USAGE, DONE]), "protocol"),
        (stream(&["data: {\"choices\":[]}\n\n", STOP, DONE]), "protocol"),
        (plain("200 OK", "", ""), "truncated"),
        (plain("204 No Content", "", ""), "protocol"),
    ] {
        let line = asked(&home, acts).line();
        assert_eq!(failed(&line).0, expected, "{line:?}");
        assert!(!line["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn a_line_of_ten_megabytes_is_refused_and_not_kept() {
    let line = line("long-line");
    assert_eq!(failed(&line), ("protocol", "stream", Some(200)));
    assert_eq!(line["message"], "the answer passed the size limit");
}

#[test]
fn a_stream_without_end_ends_at_the_deadline() {
    let home = Home::new();
    let limited = |model: &str| {
        let ran = home.ran(&["run", "--ndjson", "--no-store", "--timeout", "2s", "--model", model]);
        assert_eq!(ran.code, 1);
        ran.line()
    };
    for (model, stage) in
        [("sim:endless-ttft2-gap5", "stream"), ("sim:stall-ttft2-gap1-n8", "stream"), ("sim:hang", "request")]
    {
        let line = limited(model);
        assert_eq!((&line["error_kind"], &line["stage"]), (&"timeout".into(), &stage.into()), "{model}");
        let elapsed = line["elapsed_seconds"].as_f64().unwrap();
        assert!((2.0..60.0).contains(&elapsed), "{model}: {elapsed}");
    }
}

#[test]
fn one_byte_a_minute_ends_at_the_deadline() {
    let mut acts = vec![send(STREAM_HEAD), chunk("d"), wait_ms(60_000), chunk("a"), Act::Hold];
    let home = Home::new();
    let dripping =
        |acts: Vec<Act>| ran(&mut calling(&home, play(acts), &["--ndjson", "--timeout", "2s"])).line();
    let line = dripping(acts.clone());
    assert_eq!(failed(&line), ("timeout", "stream", Some(200)));
    acts.splice(0..1, [send("H"), wait_ms(60_000)]);
    assert_eq!(failed(&dripping(acts)), ("timeout", "request", None));
}

#[test]
fn bytes_that_are_no_http_are_no_answer() {
    let home = Home::new();
    let line = asked(&home, vec![send("SSH-2.0-OpenSSH_9.2\r\n\r\n")]).line();
    assert_eq!(failed(&line), ("protocol", "request", None));
    let line = asked(&home, vec![]).line();
    assert_eq!(failed(&line), ("network", "request", None));
}

#[test]
fn control_characters_of_a_provider_reach_no_terminal() {
    let body =
        "{\"error\":{\"message\":\"\\u001b]0;owned\\u0007\\u001b[2J\\u202egone\",\"code\":\"\\u001b[31m\"}}";
    let shown = ran(&mut calling(&Home::new(), play(plain("400 Bad Request", "", body)), &[]));
    assert_eq!(shown.code, 1);
    assert!(!shown.out.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{:?}", shown.out);
}
