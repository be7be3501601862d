//! The recording of an exchange: bytes, stamps, and its end. Pure data, so that a decoder can be tested on an old
//! recording and a definition can be applied to it again.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use std::time::Duration;

use crate::domain::run::{Connection, ConnectionInfo};

/// Stamps of one exchange, from t0 on the monotonic clock; `None` if the phase did not happen within the measured
/// time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Marks {
    pub dns: Option<Duration>,
    pub tcp: Option<Duration>,
    /// The proxy's answer to CONNECT had arrived; `None` without a proxy.
    pub proxy: Option<Duration>,
    /// The TLS handshake was complete; `None` on plain connections.
    pub tls: Option<Duration>,
    /// The request's last byte was handed to the kernel.
    pub sent: Option<Duration>,
    /// The request's last byte left this machine, by the kernel's stamp.
    pub transmitted: Option<Duration>,
    /// The read that completed the answer's head.
    pub head: Option<Duration>,
    /// The read (or error) that ended the answer.
    pub end: Duration,
}

/// The answer's first line and headers.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseHead {
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

/// One read that brought body bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BodyRead {
    /// Length of the body (chunk framing removed) after this read.
    pub body_end: usize,
    /// Time from t0 at which its bytes arrived: the kernel's stamp, or the moment at which the read returned.
    pub at: Duration,
    /// Time from the kernel's stamp to the read; `None` if `at` is the read's.
    pub waited: Option<Duration>,
}

/// A late wake-up of the measuring loop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LateWake {
    /// Time from t0 at which the loop should have woken; zero if that was before t0.
    pub due: Duration,
    /// Time from t0 at which it woke.
    pub woke: Duration,
    /// Its lateness.
    pub lag: Duration,
}

/// The way in which an exchange ended.
#[derive(Debug, Clone, PartialEq)]
pub enum ExchangeEnd {
    /// The body was complete as HTTP frames it, or the protocol's own end marker came.
    Complete,
    /// DNS, TCP or TLS failed.
    ConnectFailed(String),
    /// As [`ExchangeEnd::ConnectFailed`], because this machine ran out of a resource.
    Exhausted(String),
    /// The request could not be written.
    SendFailed(String),
    /// The connection ended or broke before the first byte of an answer.
    Unanswered(String),
    /// The connection ended or broke inside the answer.
    Cut(String),
    /// A deadline passed; the text names it: `connect`, `proxy`, `first byte`, `gap`, `total`.
    TimedOut(&'static str),
    /// The answer is not HTTP, or its framing is broken.
    Malformed(String),
    /// The body exceeded its maximum size.
    TooLarge,
}

impl ExchangeEnd {
    /// The sentence of an ending that has one.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::ConnectFailed(why)
            | Self::Exhausted(why)
            | Self::SendFailed(why)
            | Self::Unanswered(why)
            | Self::Cut(why)
            | Self::Malformed(why) => Some(why),
            Self::Complete | Self::TimedOut(_) | Self::TooLarge => None,
        }
    }
}

/// An answer without its stamps: the input of a verdict, from either HTTP client.
#[derive(Debug, Clone, Copy)]
pub struct ReceivedAnswer<'a> {
    /// The answer's head, if one came.
    pub head: Option<&'a ResponseHead>,
    pub body: &'a [u8],
    pub ending: &'a ExchangeEnd,
    /// Time of the end, by the wall clock.
    pub ended_at: DateTime<Utc>,
}

/// One exchange from t0 to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Wall clock at t0, UTC.
    pub started_at: DateTime<Utc>,
    /// Wall clock at the end, UTC. The difference between the two, minus `marks.end`, is a step of the wall clock.
    pub ended_at: DateTime<Utc>,
    pub connection: Connection,
    pub carrier: ConnectionInfo,
    pub marks: Marks,
    /// The answer's head, if one came.
    pub head: Option<ResponseHead>,
    /// The body without chunk framing.
    pub body: Bytes,
    /// One entry for each read that brought body bytes, in order.
    pub reads: Vec<BodyRead>,
    pub ending: ExchangeEnd,
    /// The longest delays of the measuring loop during the exchange, in no order.
    pub late_wakes: Vec<LateWake>,
    /// The time that the client itself lost while it connected: answers of the handshakes waited for it. `None` if the
    /// kernel does not tell.
    pub connect_delay: Option<Duration>,
    /// From the scheduled start of the request to t0.
    pub dispatch_delay: Duration,
}

impl Recording {
    /// The answer without its stamps.
    pub fn received(&self) -> ReceivedAnswer<'_> {
        let (head, body) = (self.head.as_ref(), &self.body[..]);
        ReceivedAnswer { head, body, ending: &self.ending, ended_at: self.ended_at }
    }

    /// True if the connection ended before the first byte of an answer. This happens on a kept connection that the
    /// other side has closed in the meantime: then nothing was measured.
    pub fn went_unanswered(&self) -> bool {
        self.head.is_none() && matches!(self.ending, ExchangeEnd::Unanswered(_) | ExchangeEnd::SendFailed(_))
    }

    /// The longest delay of the measuring loop during the exchange.
    pub fn loop_lag(&self) -> Duration {
        self.late_wakes.iter().map(|late| late.lag).max().unwrap_or_default()
    }

    /// The time at which the byte at `offset` of the body arrived: the stamp of the read that brought it.
    pub fn stamp(&self, offset: usize) -> Duration {
        let index = self.reads.partition_point(|read| read.body_end <= offset);
        self.reads.get(index).map_or(self.marks.end, |read| read.at)
    }
}
