//! Requests to a bridge over the client of everything that is not measured, with a bridge's deadlines and sizes. Nothing
//! here knows what is posted.
//!
//! No redirect is followed, every step has a deadline, a body has an end, TLS knows the operator's own authorities. Bodies
//! are not compressed: a key is in a header.

use crate::http::{HttpClient, HttpExchange, ProxyRules};
use crate::providers::retry_after;
use crate::storage::BridgeUrl;
use crate::wire::{ExchangeEnd, ExchangeLimits, Origin, ResponseHead, WireRequest};
use bytes::Bytes;
use chrono::Utc;
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;

/// How long name, TCP and TLS may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may pause.
const GAP: Duration = Duration::from_secs(10);
/// The largest answer that is read, bytes.
const ANSWER_BYTES: usize = 8 << 20;
/// The shortest and the longest wait that is believed.
const WAIT: (f64, f64) = (1.0, 900.0);

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct BridgeReply {
    /// The HTTP status.
    pub status: u16,
    /// How long it asks to be left alone, 1 s to 15 min.
    pub wait: Option<Duration>,
    /// The body.
    pub body: Bytes,
}

/// What is asked.
pub struct BridgeRequest<'a> {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Where.
    pub url: &'a BridgeUrl,
    /// What stands behind `?`; empty for nothing.
    pub query: String,
    /// Headers besides the program's name.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// How long all of it may take.
    pub total: Duration,
}

/// A client with its open connections.
pub struct BridgeHttpClient {
    http: HttpClient,
}

impl BridgeHttpClient {
    /// A client that trusts what `tls` says.
    ///
    /// # Errors
    /// Settings that the HTTP library refuses.
    pub fn new(tls: &Arc<ClientConfig>, proxies: ProxyRules) -> Result<Self, String> {
        Ok(Self { http: HttpClient::new(tls, proxies, CONNECT)? })
    }

    /// Makes one exchange. On a kept connection that turns out to be closed it is made again on a new one: what is posted
    /// has ids, and twice is once.
    ///
    /// # Errors
    /// Why there is no whole answer, in a sentence.
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

/// The answer, if all of it came: half of one says nothing.
fn whole(answer: HttpExchange) -> Result<BridgeReply, String> {
    match (answer.head, answer.ending) {
        (Some(head), ExchangeEnd::Complete) => {
            Ok(BridgeReply { status: head.status, wait: wait(&head), body: answer.body })
        }
        (_, ExchangeEnd::ConnectFailed(why) | ExchangeEnd::Exhausted(why) | ExchangeEnd::SendFailed(why)) => {
            Err(why)
        }
        (_, ExchangeEnd::TimedOut(which)) => Err(format!("no answer in time ({which})")),
        (_, ExchangeEnd::Unanswered(why) | ExchangeEnd::Cut(why) | ExchangeEnd::Malformed(why)) => Err(why),
        (_, ExchangeEnd::TooLarge) => Err("the answer is larger than any of a bridge".to_owned()),
        (None, ExchangeEnd::Complete) => Err("no answer".to_owned()),
    }
}

fn wait(head: &ResponseHead) -> Option<Duration> {
    let seconds = retry_after::seconds(&head.headers, Utc::now())?;
    Some(Duration::from_secs_f64(seconds.clamp(WAIT.0, WAIT.1)))
}
