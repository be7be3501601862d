//! A request, and the limits of time and size of its answer. Plain data; `wire::exchange` sends it.

use super::forward_proxy::ForwardProxy;
use bytes::Bytes;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// The destination of a request: a configured host, never one that an answer names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// True for TLS, false for plain HTTP.
    pub tls: bool,
    /// Host name or address, without brackets.
    pub host: String,
    pub port: u16,
}

impl Origin {
    /// The host as URLs and headers write it: an IPv6 address in brackets.
    pub fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    /// `host:port`, with an IPv6 address in brackets.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.bracketed(), self.port)
    }

    /// True if it is this machine.
    pub fn is_loopback(&self) -> bool {
        let local = self.host == "localhost" || self.host.ends_with(".localhost");
        local || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// One HTTP request, ready to be written.
#[derive(Clone, PartialEq)]
pub struct WireRequest {
    pub method: &'static str,
    pub target: Origin,
    /// The proxy of the request, if one is configured.
    pub proxy: Option<ForwardProxy>,
    /// Path and query in the form sent, percent-encoded.
    pub path: String,
    /// Headers without Host, Content-Length, Accept-Encoding and Connection, which the wire adds. Values may be
    /// secrets.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl fmt::Debug for WireRequest {
    /// Omits header values, because some are keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("target", &self.target)
            .field("proxy", &self.proxy)
            .field("path", &self.path)
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// Deadlines and size limits of one exchange. All apply: the first one that is reached ends it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExchangeLimits {
    /// Deadline of DNS, TCP, a proxy and TLS together.
    pub connect: Duration,
    /// Deadline from the request's last byte to the first byte of the answer's body.
    pub first_byte: Duration,
    /// Deadline between two reads that bring bytes.
    pub gap: Duration,
    /// Deadline of the whole exchange, from t0.
    pub total: Duration,
    /// Maximum size of the body without chunk framing, bytes.
    pub body_bytes: usize,
}

impl Default for ExchangeLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(60),
            gap: Duration::from_secs(30),
            total: Duration::from_secs(120),
            body_bytes: 8 * 1024 * 1024,
        }
    }
}
