//! Requests to a bridge over the HTTP client for everything that is not measured, with a bridge's deadlines and
//! sizes. This file does not know the content of the posts.
//!
//! It follows no redirect, every step has a deadline, a body has a maximum size, and TLS trusts the operator's own
//! authorities. Bodies are not compressed, because a header contains a key.

use crate::http::{HttpClient, HttpExchange, ProxyRules};
use crate::providers::retry_after;
use crate::storage::BridgeUrl;
use crate::wire::{ExchangeEnd, ExchangeLimits, Origin, ResponseHead, WireRequest};
use bytes::Bytes;
use chrono::Utc;
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;

/// Deadline of name resolution, TCP and TLS together.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest pause within an answer.
const GAP: Duration = Duration::from_secs(10);
/// The largest answer that is read, bytes.
const ANSWER_BYTES: usize = 8 << 20;
/// The shortest and the longest accepted wait, in seconds.
const WAIT: (f64, f64) = (1.0, 900.0);

/// A complete answer.
#[derive(Debug, Clone, PartialEq)]
pub struct BridgeReply {
    pub status: u16,
    /// Time for which the bridge asks not to be called, 1 s to 15 min.
    pub wait: Option<Duration>,
    pub body: Bytes,
}

pub struct BridgeRequest<'a> {
    pub method: &'static str,
    pub url: &'a BridgeUrl,
    /// The part of the URL after `?`; empty for none.
    pub query: String,
    /// Headers besides `User-Agent`.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// Deadline of the whole exchange.
    pub total: Duration,
}

/// A client with its open connections.
pub struct BridgeHttpClient {
    http: HttpClient,
}

impl BridgeHttpClient {
    /// A client that trusts the authorities in `tls`.
    ///
    /// # Errors
    /// Those of the HTTP library, if it refuses the settings.
    pub fn new(tls: &Arc<ClientConfig>, proxies: ProxyRules) -> Result<Self, String> {
        Ok(Self { http: HttpClient::new(tls, proxies, CONNECT)? })
    }

    /// Makes one exchange, repeated by the client where a kept connection turns out to be closed: posted items have ids.
    ///
    /// # Errors
    /// One sentence with the reason why there is no complete answer.
    pub async fn send(&self, call: BridgeRequest<'_>) -> Result<BridgeReply, String> {
        let limits = ExchangeLimits {
            connect: CONNECT.min(call.total),
            first_byte: call.total,
            gap: GAP,
            total: call.total,
            body_bytes: ANSWER_BYTES,
        };
        whole(self.http.send(&request(&call), &limits).await)
    }
}

fn request(call: &BridgeRequest<'_>) -> WireRequest {
    let url = call.url;
    let mut headers =
        vec![("user-agent".to_owned(), concat!("llmbench/", env!("CARGO_PKG_VERSION")).to_owned())];
    headers.extend(call.headers.iter().cloned());
    let query = if call.query.is_empty() { String::new() } else { format!("?{}", call.query) };
    WireRequest {
        method: call.method,
        target: Origin { tls: url.tls(), host: url.host().to_owned(), port: url.port() },
        proxy: None,
        path: format!("{}{query}", url.path()),
        headers,
        body: call.body.clone(),
    }
}

/// The answer, if all of it arrived: a partial answer is not used.
fn whole(answer: HttpExchange) -> Result<BridgeReply, String> {
    match (answer.head, &answer.ending) {
        (Some(head), ExchangeEnd::Complete) => {
            Ok(BridgeReply { status: head.status, wait: wait(&head), body: answer.body })
        }
        (_, ExchangeEnd::TimedOut(which)) => Err(format!("no answer in time ({which})")),
        (_, ExchangeEnd::TooLarge) => Err("the answer is larger than any of a bridge".to_owned()),
        (_, ending) => Err(ending.reason().unwrap_or("no answer").to_owned()),
    }
}

fn wait(head: &ResponseHead) -> Option<Duration> {
    let seconds = retry_after::seconds(&head.headers, Utc::now())?;
    Some(Duration::from_secs_f64(seconds.clamp(WAIT.0, WAIT.1)))
}
