//! What an exchange left behind: bytes, stamps, and how it ended. Pure data, so that a decoder can be tested on a
//! recording of yesterday and a definition can be applied again to an old one.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use std::time::Duration;

use crate::domain::run::{Connection, ConnectionInfo};

/// Stamps of one exchange, from t0 on the monotonic clock; `None` where the phase did not happen inside the clock.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Marks {
    /// Name resolved.
    pub dns: Option<Duration>,
    /// TCP connected.
    pub tcp: Option<Duration>,
    /// A proxy had connected; `None` without one.
    pub proxy: Option<Duration>,
    /// TLS agreed; `None` on plain connections.
    pub tls: Option<Duration>,
    /// The request's last byte handed to the kernel.
    pub sent: Option<Duration>,
    /// The read that completed the answer's head.
    pub head: Option<Duration>,
    /// The read (or error) that ended the answer.
    pub end: Duration,
}

/// The answer's first line and headers.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseHead {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case, values with invalid UTF-8 replaced.
    pub headers: Vec<(String, String)>,
}

impl ResponseHead {
    /// The first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// One read that brought body bytes: where the body ended after it, and when it returned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BodyRead {
    /// Length of the body (chunk framing removed) after this read.
    pub body_end: usize,
    /// From t0.
    pub at: Duration,
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq)]
pub enum ExchangeEnd {
    /// The body was complete as HTTP frames it, or the protocol's own end marker came.
    Complete,
    /// DNS, TCP or TLS failed.
    ConnectFailed(String),
    /// As [`ExchangeEnd::ConnectFailed`], for want of something that this machine ran out of.
    Exhausted(String),
    /// The request could not be written.
    SendFailed(String),
    /// The connection ended or broke before a byte of an answer came.
    Unanswered(String),
    /// The connection ended or broke inside the answer.
    Cut(String),
    /// A deadline passed; the word says which: `connect`, `proxy`, `first byte`, `gap`, `total`.
    TimedOut(&'static str),
    /// The answer is not HTTP, or its framing is broken.
    Malformed(String),
    /// The body passed its cap.
    TooLarge,
}

/// What came back, without its stamps: as much as a verdict needs, whoever asked.
#[derive(Debug, Clone, Copy)]
pub struct ReceivedAnswer<'a> {
    /// The answer's head, if one came.
    pub head: Option<&'a ResponseHead>,
    /// The body.
    pub body: &'a [u8],
    /// How it ended.
    pub ending: &'a ExchangeEnd,
    /// When, by the wall clock.
    pub ended_at: DateTime<Utc>,
}

/// One exchange from t0 to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Wall clock at t0, UTC.
    pub started_at: DateTime<Utc>,
    /// Wall clock at the end, UTC. Their difference minus `marks.end` is a step of the wall clock.
    pub ended_at: DateTime<Utc>,
    /// Cold or warm.
    pub connection: Connection,
    /// The connection's address and history.
    pub carrier: ConnectionInfo,
    /// Stamps.
    pub marks: Marks,
    /// The answer's head, if one came.
    pub head: Option<ResponseHead>,
    /// The body without chunk framing.
    pub body: Bytes,
    /// One entry a read that brought body bytes, in order.
    pub reads: Vec<BodyRead>,
    /// How it ended.
    pub ending: ExchangeEnd,
    /// The longest time by which the measuring loop was late meanwhile.
    pub loop_lag: Duration,
    /// From the moment the request should have started to t0.
    pub dispatch_delay: Duration,
}

impl Recording {
    /// What came back.
    pub fn received(&self) -> ReceivedAnswer<'_> {
        let (head, body) = (self.head.as_ref(), &self.body[..]);
        ReceivedAnswer { head, body, ending: &self.ending, ended_at: self.ended_at }
    }

    /// Whether the connection died before a byte of an answer came. A kept connection does that where the other side had
    /// closed it meanwhile: then nothing was measured.
    pub fn went_unanswered(&self) -> bool {
        self.head.is_none() && matches!(self.ending, ExchangeEnd::Unanswered(_) | ExchangeEnd::SendFailed(_))
    }

    /// When the byte at `offset` of the body had been read: the stamp of the read that brought it.
    pub fn stamp(&self, offset: usize) -> Duration {
        let index = self.reads.partition_point(|read| read.body_end <= offset);
        self.reads.get(index).map_or(self.marks.end, |read| read.at)
    }
}
