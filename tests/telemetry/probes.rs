//! `/metrics`, `/livez` and `/readyz` over real sockets, with clients that do not behave.

use super::page::{finished, parsed, pulse, value};
use crate::support::ran::ran;
use crate::support::{Home, samples};
use chrono::Utc;
use llmbench::daemon::telemetry::Telemetry;
use llmbench::daemon::telemetry::monitoring_server::{MonitoringHandler, MonitoringResponse, serve};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Default)]
struct Daemon {
    telemetry: Telemetry,
    well: AtomicBool,
}

impl MonitoringHandler for Daemon {
    fn metrics(&self) -> String {
        self.telemetry.page(Utc::now())
    }
    fn live(&self) -> MonitoringResponse {
        MonitoringResponse { yes: true, body: json!({"live": true}) }
    }
    fn ready(&self) -> MonitoringResponse {
        let yes = self.well.load(Ordering::Relaxed);
        MonitoringResponse { yes, body: json!({"ready": yes, "troubles": []}) }
    }
}

async fn started() -> (Arc<Daemon>, std::net::SocketAddr) {
    let daemon = Arc::new(Daemon::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, daemon.clone()));
    (daemon, address)
}

/// Head and body of the answer to these bytes.
async fn ask(address: std::net::SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("no head");
    (head.to_lowercase(), body.to_owned())
}

async fn get(address: std::net::SocketAddr, path: &str) -> (String, String) {
    ask(address, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await
}

#[tokio::test]
async fn probes_answer_what_is_true_at_the_moment() {
    let (daemon, address) = started().await;
    let (head, body) = get(address, "/readyz").await;
    assert!(head.starts_with("http/1.1 503") && head.contains("application/json"), "{head}");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["ready"], false);
    daemon.well.store(true, Ordering::Relaxed);
    assert!(get(address, "/readyz").await.0.starts_with("http/1.1 200"));
    let (head, body) = get(address, "/livez?verbose").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("cache-control: no-store"), "{head}");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), json!({"live": true}));
    daemon.telemetry.publish(pulse());
    for _ in 0..3 {
        let run = samples::run("1", "groq", "m");
        daemon.telemetry.observe(&finished("groq", samples::success(&run)));
    }
    let (head, body) = get(address, "/metrics").await;
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    let runs = value(&parsed(&body), "llmbench_runs_total", &[("provider", "groq"), ("outcome", "success")]);
    assert_eq!(runs, 3.0);
    let (head, body) = ask(address, "HEAD /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(head.starts_with("http/1.1 200") && body.is_empty(), "{head}{body}");
}

/// A page of a stranger whose name leads to this machine by DNS reads nothing.
#[tokio::test]
async fn probes_are_answered_under_names_of_this_machine_alone() {
    let (_daemon, address) = started().await;
    for (host, status) in [
        ("localhost:9464", "200"),
        ("10.1.2.3:9464", "200"),
        ("rebound.example:9464", "421"),
        ("127.0.0.1.rebound.example", "421"),
    ] {
        let (head, _) = ask(address, &format!("GET /livez HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{host}: {head}");
    }
    let (head, _) = ask(address, "GET http://rebound.example/metrics HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(head.starts_with("http/1.1 421"), "{head}");
}

#[test]
fn a_daemon_listens_beyond_loopback_only_where_it_is_told_twice() {
    let home = Home::new();
    let store = format!("sqlite:{}", home.path().join("runs.db").display());
    let daemon = |flags: &[&str]| {
        let mut command = home.llmbench(&["daemon", "--once", "--store", &store]);
        ran(command.args(flags).env("LLMBENCH_LISTEN", "0.0.0.0:0"))
    };
    let refused = daemon(&[]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("not loopback") && refused.err.contains("--plain-http"), "{refused:?}");
    assert_ne!(daemon(&["--plain-http"]).code, 2);
}

#[tokio::test]
async fn wrong_questions_get_a_reason() {
    let (_daemon, address) = started().await;
    let (head, body) = get(address, "/").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["error"]["code"], "not_found");
    let posted = "POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nx";
    let (head, body) = ask(address, posted).await;
    assert!(head.starts_with("http/1.1 405") && head.contains("allow: get, head"), "{head}");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["error"]["code"], "method_not_allowed");
    let (head, _) = ask(address, "nonsense\r\n\r\n").await;
    assert!(head.starts_with("http/1.1 400"), "{head}");
    let long = format!("GET /livez HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(100_000));
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may close before all of it is written.
    let _ = stream.write_all(long.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

/// Twice as many silent clients as there may be connections: after the deadline for heads, everybody is answered.
#[tokio::test]
async fn silent_clients_hold_nobody_up() {
    let (_daemon, address) = started().await;
    let mut silent = Vec::new();
    for number in 0..32 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(b"GET /livez HT").await.unwrap();
        }
        silent.push(stream);
    }
    assert!(get(address, "/livez").await.0.starts_with("http/1.1 200"));
}
