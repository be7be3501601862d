//! How much is asked, and when it stops.

use crate::raw_server::{Act, play, play_each};
use crate::support::Home;
use crate::support::answers::{CANARY, DONE, STOP, calling, plain, sound, stream, text};
use crate::support::ran::{QUICK, Ran, ran};
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};

fn report(arguments: &[&str]) -> (Ran, Value) {
    let ran = Home::new().ran(&[&["run", "--json", "--no-store"], arguments].concat());
    let report = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    (ran, report)
}

#[test]
fn too_many_errors_stop_the_run() {
    let (ran, report) = report(&["--model", "sim:error500", "-n", "200", "--max-error-rate", "20%"]);
    assert_eq!(ran.code, 1);
    assert_eq!((&report["load"]["planned"], &report["load"]["started"]), (&200.into(), &5.into()));
    let reason = report["load"]["stopped_early"].as_str().unwrap();
    assert_eq!(reason, "5 of 5 requests failed, more than the error rate allowed");
}

#[test]
fn an_open_loop_counts_what_could_not_start_on_time() {
    let slow = "sim:steady-ttft60-gap0-n1";
    let arguments =
        ["--model", slow, "-n", "8", "--rate", "100", "--arrivals", "constant", "--concurrency", "1"];
    let (ran, report) = report(&arguments);
    assert_eq!(ran.code, 0);
    let load = &report["load"];
    assert_eq!((&load["started"], &load["rate_requested"]), (&8.into(), &100.0.into()));
    // One place, 60 ms an answer, a start due every 10 ms: all but the first are late, the last by 350 ms or more.
    assert!(load["late_starts"].as_u64().unwrap() >= 7, "{load}");
    assert!(load["max_delay"].as_f64().unwrap() > 0.34, "{load}");
}

#[test]
fn a_duration_ends_a_run_without_a_number() {
    let (ran, report) = report(&["--model", QUICK, "--duration", "1s"]);
    assert_eq!(ran.code, 0);
    assert!(report["load"]["planned"].is_null());
    assert!(report["load"]["started"].as_u64().unwrap() >= 2, "{}", report["load"]);
}

#[test]
fn warm_up_requests_are_neither_counted_nor_stored() {
    let home = Home::new();
    let ran = home.ran(&["run", "--ndjson", "--warmup", "3", "-n", "2", "--model", QUICK]);
    assert_eq!((ran.code, ran.lines().len(), home.rows("runs").len()), (0, 2, 2));
}

#[test]
fn a_warm_run_connects_before_the_clock() {
    let home = Home::new();
    let warm = home.ran(&["run", "--ndjson", "--no-store", "--warm", "--model", QUICK]).line();
    assert_eq!((&warm["connection"], &warm["connect_seconds"]), (&"warm".into(), &Value::Null));
    let cold = home.measured(QUICK);
    assert_eq!(cold["connection"], "cold");
    assert!(cold["connect_seconds"].as_f64().unwrap() > 0.0, "{cold:?}");
}

#[test]
fn a_kept_connection_that_the_host_closed_is_no_failure() {
    let mut acts = sound();
    acts.push(Act::HangUp);
    let address = play(acts);
    let ran = ran(&mut calling(&Home::new(), address, &["--ndjson", "--no-store", "--warm", "-n", "6"]));
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines = ran.lines();
    let reconnects: Vec<_> = lines.iter().map(|line| line["reconnects"].as_u64().unwrap()).collect();
    assert_eq!(reconnects, [0, 1, 1, 1, 1, 1]);
    assert!(lines.iter().all(|line| line["connection"] == "warm" && line["connect_address"] == "127.0.0.1"));
}

/// A host whose first answer asks to wait so many seconds.
fn limited_once(seconds: u64) -> std::net::SocketAddr {
    let answers = AtomicUsize::new(0);
    let body = "{\"error\":{\"message\":\"slow down\",\"code\":\"rate_limit_exceeded\"}}";
    let refusal = plain("429 Too Many Requests", &format!("retry-after: {seconds}\r\n"), body);
    play_each(move || if answers.fetch_add(1, Ordering::SeqCst) == 0 { refusal.clone() } else { sound() })
}

#[test]
fn a_closed_loop_waits_as_an_answer_asks() {
    let arguments = ["--ndjson", "--no-store", "-n", "2"];
    let ran = ran(&mut calling(&Home::new(), limited_once(2), &arguments));
    let lines = ran.lines();
    assert_eq!(
        (&lines[0]["error_kind"], &lines[1]["visible_output_tokens"]),
        (&"rate_limit".into(), &2.into())
    );
    let at = |line: &serde_json::Map<String, Value>, name: &str| {
        chrono::DateTime::parse_from_rfc3339(line[name].as_str().unwrap()).unwrap()
    };
    let pause = at(&lines[1], "run_ts") - at(&lines[0], "ts");
    assert!(pause >= chrono::TimeDelta::milliseconds(1990), "{pause}: {ran:?}");
    assert!(
        lines[1]["dispatch_delay_seconds"].as_f64().unwrap() < 1.9,
        "the pause is no delay of the request"
    );
    assert!(ran.err.contains("starts no request for 2") && ran.err.contains("--no-wait"), "{ran:?}");
}

#[test]
fn the_wait_ends_with_the_duration_and_with_the_timeout_and_can_be_left_out() {
    // An hour, were it not bounded.
    let started = |arguments: &[&str]| {
        let ran = ran(&mut calling(&Home::new(), limited_once(3600), arguments));
        let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
        (report["load"]["started"].as_u64().unwrap(), ran.err)
    };
    let base = ["--json", "--no-store", "--requests", "3"];
    let (requests, _) = started(&[&base[..], &["--duration", "2s"]].concat());
    assert_eq!(requests, 1);
    let (requests, said) = started(&[&base[..], &["--timeout", "2s"]].concat());
    assert_eq!(requests, 3, "{said}");
    let (requests, said) = started(&[&base[..], &["--no-wait"]].concat());
    assert_eq!(requests, 3);
    assert!(!said.contains("pause"), "{said}");
}

#[test]
#[cfg(target_os = "linux")]
fn descriptors_that_are_wanting_are_nobodys_failure() {
    let mut acts = vec![crate::raw_server::wait_ms(700)];
    acts.extend(sound());
    let port = play(acts).port();
    for host in ["127.0.0.1", "localhost"] {
        let home = Home::new();
        let binary = home.llmbench(&[]);
        let mut limited = std::process::Command::new("sh");
        limited
            .args(["-c", "ulimit -n 30; exec \"$0\" \"$@\""])
            .arg(binary.get_program())
            .args(["run", "--model", "openai:gpt-4o", "--json", "--no-store", "-n", "60", "-c", "60"])
            .args(["--max-error-rate", "5%", "--fail-if", "error_rate>0%"]);
        for (name, value) in binary.get_envs() {
            value.map(|value| limited.env(name, value));
        }
        limited.env("OPENAI_API_KEY", CANARY).env("OPENAI_BASE_URL", format!("http://{host}:{port}/v1"));
        let ran = ran(&mut limited);
        let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
        let model = &report["models"][0];
        let kinds: Vec<_> = model["failures"].as_object().unwrap().keys().collect();
        assert_eq!(kinds, ["client"], "{host}: {model}");
        assert!(model["successes"].as_u64().unwrap() > 0, "{host}: {model}");
        assert_eq!((&model["error_rate"], &report["load"]["started"]), (&0.0.into(), &60.into()), "{host}");
        let said = model["failures"]["client"].to_string();
        assert!(said.contains("no file descriptor left (see `ulimit -n`"), "{host}: {said}");
    }
}

#[test]
fn what_a_prefix_cache_answered_is_told() {
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":2,\"total_tokens\":22,\
        \"prompt_tokens_details\":{\"cached_tokens\":15}}}\n\n";
    let address = play(stream(&[&text("one"), &text(" two"), STOP, usage, DONE]));
    let called = |format: &[&str]| {
        ran(&mut calling(&Home::new(), address, &[&["--no-store", "-n", "2"], format].concat()))
    };
    let report: Value = serde_json::from_str(&called(&["--json"]).out).unwrap();
    let wanted = serde_json::json!({ "runs": 2, "tokens": 30, "of_input_tokens": 40 });
    assert_eq!(report["models"][0]["cached_input"], wanted);
    let table = called(&[]).out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(table.contains("a prefix cache answered 30 of 40 prompt tokens, in 2 of 2 runs"), "{table}");
    let uncached = ran(&mut calling(&Home::new(), play(sound()), &["--no-store"]));
    assert!(!uncached.out.contains("prefix cache"), "{uncached:?}");
}
