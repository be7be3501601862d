//! A bridge that knows `/ingest` and `/ingest/error` alone.

use super::QUICK;
use crate::daemon::world::{Daemon, until};
use crate::runner::world::configured;
use crate::support::Home;
use crate::support::ran::ran;
use llmbench::simulator;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

/// The posts that were answered: path and body.
type Posts = Arc<Mutex<Vec<(String, Value)>>>;

/// Starts it with these models of `alpha`.
fn start(models: &'static [&'static str]) -> (SocketAddr, Posts) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, posts) = (listener.local_addr().unwrap(), Posts::default());
    let heard = Arc::clone(&posts);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let heard = Arc::clone(&heard);
            thread::spawn(move || serve(stream, models, &heard));
        }
    });
    (address, posts)
}

fn serve(mut stream: TcpStream, models: &[&str], heard: &Posts) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    lines.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).ok()?;
    let path = first.split_whitespace().nth(1)?.to_owned();
    let (status, answer) = match path.as_str() {
        "/ingest" | "/ingest/error" => {
            let body: Value = serde_json::from_slice(&body).ok()?;
            heard.lock().unwrap().push((path, body));
            ("200 OK", json!({"status": "ok"}))
        }
        path if path.starts_with("/runner-config") => (
            "200 OK",
            json!({"schema_version": 1, "provider": "alpha", "interval_minutes": 30, "models": models}),
        ),
        _ => ("404 Not Found", json!({"detail": "Not Found"})),
    };
    let answer = answer.to_string();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
    write!(stream, "{head}content-length: {}\r\n\r\n{answer}", answer.len()).ok()
}

/// A command line with the Python runner's variables for such a bridge.
fn runner(home: &Home, address: SocketAddr, arguments: &[&str]) -> Command {
    let mut command = home.llmbench(arguments);
    command.env("INGEST_API_URL", format!("http://{address}/ingest")).env("INGEST_API_KEY", "k");
    command.env("RUNNER_CONFIG_URL", format!("http://{address}/runner-config?provider=alpha"));
    command.env("RUNNER_CONFIG_TOKEN", "t").env("LLMBENCH_LISTEN", "none");
    command
}

#[test]
fn rows_are_posted_one_by_one_as_the_python_runner_posts_them() {
    let (address, posts) = start(&[QUICK, "error404"]);
    let simulator = simulator::start_in_process().unwrap();
    let home = configured(&simulator, "");
    let arguments = ["daemon", "--once", "--providers", "alpha", "--log-format", "text"];
    let ended = ran(&mut runner(&home, address, &arguments));
    let posts = posts.lock().unwrap();
    let of = |wanted: &str| {
        posts.iter().filter(|(path, _)| path == wanted).map(|(_, body)| body).collect::<Vec<_>>()
    };
    let (runs, errors) = (of("/ingest"), of("/ingest/error"));
    assert_eq!((ended.code, runs.len()), (0, 1), "{posts:?} {ended:?}");
    let naive =
        |value: &Value| chrono::NaiveDateTime::parse_from_str(value.as_str().unwrap(), "%Y-%m-%d %H:%M:%S");
    assert!(naive(&runs[0]["run_ts"]).is_ok() && naive(&runs[0]["gen_ts"]).is_ok(), "{}", runs[0]);
    assert_eq!((&runs[0]["provider"], &runs[0]["model_name"]), (&json!("alpha"), &json!(QUICK)));
    assert!(runs[0].get("_id").is_none() && runs[0]["attempt_id"].is_string(), "{}", runs[0]);
    assert!(!errors.is_empty(), "{posts:?}");
    for name in ["provider", "model_name", "ts", "stage", "message", "exc_type", "error_kind"] {
        assert!(errors[0].get(name).is_some(), "{name}: {}", errors[0]);
    }
    assert!(naive(&errors[0]["ts"]).is_ok(), "{}", errors[0]);
}

/// True if a daemon's first slot made a pair. It makes none where the machine is too busy for a sound cold request.
fn holds_a_counterpart_back() -> bool {
    let (address, posts) = start(&[QUICK]);
    let simulator = simulator::start_in_process().unwrap();
    let paired = "[daemon]\ncadence = 1\ntick = 0.2\n[profiles.default]\npaired = true\n";
    let home = configured(&simulator, paired);
    let state = home.path().join("state/llmbench");
    let daemon = Daemon::logged(runner(&home, address, &["daemon", "--providers", "alpha"]), state);
    let held_back = || {
        let arguments = ["outbox", "list", "--state", "quarantined", "--lines", "1000", "--json"];
        let listed = ran(&mut runner(&home, address, &arguments));
        let listed: Value = serde_json::from_str(&listed.out).unwrap_or_else(|_| panic!("{listed:?}"));
        listed["rows"].as_array().unwrap().clone()
    };
    let posted = || posts.lock().unwrap().len();
    // The bridge is known as an old one from the first post on; a pair that began before has ended two slots later.
    until("slots of an old bridge", || posted() >= 3);
    let before = held_back();
    for row in &before {
        assert!(
            row["error"]
                .as_str()
                .unwrap()
                .contains("the warm half of a pair or the answer of a canary: update the bridge"),
            "{row}"
        );
    }
    let enough = posted() + 3;
    until("more slots", || posted() >= enough);
    assert_eq!(held_back().len(), before.len(), "{}", daemon.said());
    assert_eq!(daemon.stop().0, 0);
    let posts = posts.lock().unwrap();
    assert!(posts.iter().all(|(_, body)| body["sample_role"] == "published"), "{posts:?}");
    !before.is_empty()
}

#[test]
fn counterparts_are_held_back_with_a_reason_and_no_more_pairs_are_made() {
    until("a pair was made", holds_a_counterpart_back);
}
