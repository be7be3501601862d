//! A bridge that knows `/ingest` and `/ingest/error` alone.

use super::QUICK;
use crate::runner::world::configured;
use crate::support::ran::ran;
use llmbench::simulator;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
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

#[test]
fn rows_are_posted_one_by_one_as_the_python_runner_posts_them() {
    let (address, posts) = start(&[QUICK, "error404"]);
    let simulator = simulator::start_in_process().unwrap();
    let home = configured(&simulator, "");
    let mut command = home.llmbench(&["daemon", "--once", "--providers", "alpha", "--log-format", "text"]);
    command.env("INGEST_API_URL", format!("http://{address}/ingest")).env("INGEST_API_KEY", "k");
    command.env("RUNNER_CONFIG_URL", format!("http://{address}/runner-config?provider=alpha"));
    let ended = ran(command.env("RUNNER_CONFIG_TOKEN", "t"));
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
