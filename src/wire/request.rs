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

impl WireRequest {
    /// The request as bytes on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let target = &self.target;
        let default_port = if target.tls { 443 } else { 80 };
        let host = if target.port == default_port { target.bracketed() } else { target.authority() };
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {host}\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // A compressed stream arrives in larger pieces, and nothing here decompresses one.
        head.push_str("accept-encoding: identity\r\n");
        head.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
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
