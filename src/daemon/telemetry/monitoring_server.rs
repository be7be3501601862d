//! The probes over HTTP: `/metrics`, `/livez`, `/readyz`. On loopback unless somebody says otherwise, because they tell which
//! providers are measured and there is no login. Nothing that a client does here can hold the daemon up: few connections,
//! little time for each, no bodies read.

use super::prometheus;
use crate::domain::listen::{WRONG_HOST, is_own_host};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::uri::Authority;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long a client may take to send the head of its request.
const HEAD: Duration = Duration::from_secs(5);

/// How long a connection may last in all, whatever its client does.
const WHOLE: Duration = Duration::from_secs(30);

/// How many connections there may be; more wait in the kernel's queue.
const CONNECTIONS: usize = 16;

/// The largest head.
const HEAD_BYTES: usize = 16 * 1024;

/// How long to wait where no connection can be accepted: no descriptors, for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The answer to a probe.
#[derive(Debug, Clone, PartialEq)]
pub struct MonitoringResponse {
    /// Yes is 200, no is 503.
    pub yes: bool,
    /// Why, for people and programs.
    pub body: Value,
}

/// What probes ask. Each must answer at once, from memory.
pub trait MonitoringHandler: Send + Sync {
    /// The page for Prometheus.
    fn metrics(&self) -> String;
    /// Whether the process is worth keeping: not whether it is well.
    fn live(&self) -> MonitoringResponse;
    /// Whether it does its work.
    fn ready(&self) -> MonitoringResponse;
}

/// Answers until its future is dropped.
pub async fn serve(listener: TcpListener, probed: Arc<dyn MonitoringHandler>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let probed = Arc::clone(&probed);
                tokio::spawn(async move {
                    let _permit = permit;
                    // A client that is too slow, or has left, is nobody's trouble.
                    let _ = timeout(WHOLE, connection(stream, probed)).await;
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn connection(stream: TcpStream, probed: Arc<dyn MonitoringHandler>) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let named = request.headers().get_all(HOST).iter().map(|host| host.to_str().unwrap_or_default());
        let own = named.chain(request.uri().authority().map(Authority::as_str)).all(is_own_host);
        let answer = match own {
            true => answer(request.method(), request.uri().path(), &*probed),
            false => error(StatusCode::MISDIRECTED_REQUEST, "wrong_host", WRONG_HOST),
        };
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES).keep_alive(false);
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

/// The answer to a request, whose body nobody reads.
fn answer(method: &Method, path: &str, probed: &dyn MonitoringHandler) -> Response<Full<Bytes>> {
    let known = ["/metrics", "/livez", "/readyz"].contains(&path);
    if known && method != Method::GET && method != Method::HEAD {
        let mut refused =
            error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "only GET and HEAD work here");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match path {
        "/metrics" => response(StatusCode::OK, prometheus::CONTENT_TYPE, probed.metrics()),
        "/livez" => probe(&probed.live()),
        "/readyz" => probe(&probed.ready()),
        _ => error(StatusCode::NOT_FOUND, "not_found", "there are /metrics, /livez and /readyz"),
    }
}

fn probe(answer: &MonitoringResponse) -> Response<Full<Bytes>> {
    let status = if answer.yes { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json_response(status, &answer.body)
}

fn error(status: StatusCode, code: &str, message: &str) -> Response<Full<Bytes>> {
    json_response(status, &json!({"error": {"code": code, "message": message, "retryable": false}}))
}

fn json_response(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    response(status, "application/json", format!("{body}\n"))
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
