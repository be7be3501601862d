//! Responses: a status and a JSON document, with the headers that every response has.

use super::bridge_error::BridgeError;
use super::guarded_stream::REQUEST_ID;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::Value;

/// A response for hyper.
pub type HttpResponse = Response<Full<Bytes>>;

/// Creates the id of a request: 26 characters that sort by time.
pub fn request_id() -> String {
    ulid::Ulid::generate().to_string()
}

/// The result of a handler.
#[derive(Debug, Clone, PartialEq)]
pub struct BridgeResponse {
    pub status: u16,
    pub body: Body,
    /// Seconds to wait, in `Retry-After`.
    pub retry_after: Option<u64>,
    /// Methods that the path accepts, in `Allow`.
    pub allow: Option<&'static str>,
    /// True if the connection ends after it.
    pub close: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A JSON object. Never an array or null, which the Python runner treats as failures.
    Json(Value),
    /// Text in Prometheus' format.
    Metrics(String),
}

impl BridgeResponse {
    /// A response with a JSON document.
    pub fn json(status: u16, document: Value) -> Self {
        Self { status, body: Body::Json(document), retry_after: None, allow: None, close: false }
    }

    /// The response for an error.
    pub fn refused(refusal: &BridgeError, request_id: &str) -> Self {
        Self {
            retry_after: refusal.retry_after,
            allow: refusal.allow,
            ..Self::json(refusal.status, refusal.document(request_id))
        }
    }

    /// Adds the headers that every response has.
    pub fn reply(self, request_id: &str) -> HttpResponse {
        let (kind, text) = match self.body {
            Body::Json(document) => ("application/json", format!("{document}\n")),
            Body::Metrics(text) => ("text/plain; version=0.0.4; charset=utf-8", text),
        };
        let mut reply = Response::new(Full::new(Bytes::from(text)));
        *reply.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = reply.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert(HeaderName::from_static(REQUEST_ID), id);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(methods) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        if self.close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        reply
    }
}

/// An error as raw bytes, for a connection on which hyper has ended.
pub fn raw(refusal: &BridgeError) -> Vec<u8> {
    let id = request_id();
    let body = format!("{}\n", refusal.document(&id));
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let wait = refusal.retry_after.map(|seconds| format!("retry-after: {seconds}\r\n")).unwrap_or_default();
    let reason = status.canonical_reason().unwrap_or_default();
    format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: application/json\r\ncache-control: no-store\r\n{REQUEST_ID}: {id}\r\n\
         {wait}connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        status.as_u16(),
        body.len(),
    )
    .into_bytes()
}
