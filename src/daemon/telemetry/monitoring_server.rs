//! Serves the probes over HTTP: `/metrics`, `/livez`, `/readyz`. Listens on loopback by default, because they name the
//! measured providers and need no login. No client can delay the daemon: few connections, short time limits, and
//! bodies are not read.

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

/// Time limit for the head of a request.
const HEAD: Duration = Duration::from_secs(5);

/// Time limit for a connection as a whole.
const WHOLE: Duration = Duration::from_secs(30);

/// Maximum number of connections; more wait in the kernel's queue.
const CONNECTIONS: usize = 16;

/// Maximum size of a request's head.
const HEAD_BYTES: usize = 16 * 1024;

/// Pause after a failed accept, for example without free descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The response to a probe.
#[derive(Debug, Clone, PartialEq)]
pub struct MonitoringResponse {
    /// True gives status 200, false gives 503.
    pub yes: bool,
    /// Reasons, for people and programs.
    pub body: Value,
}

/// The handlers of the probes. Each must return at once, from memory.
pub trait MonitoringHandler: Send + Sync {
    fn metrics(&self) -> String;
    /// True if the process should be kept, even if it is not healthy.
    fn live(&self) -> MonitoringResponse;
    /// True if the daemon does its work.
    fn ready(&self) -> MonitoringResponse;
}

/// Serves probes until its future is dropped.
pub async fn serve(listener: TcpListener, probed: Arc<dyn MonitoringHandler>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let probed = Arc::clone(&probed);
                tokio::spawn(async move {
                    let _permit = permit;
                    // An error concerns only this client: it was too slow, or has left.
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

/// Routes a request; its body is ignored.
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
