//! Fetches a page of a list. Lists are read over the client for everything that is not measured; `doctor`, which
//! reports the time of each step, uses the measuring wire.

use crate::domain::clock_offset::ClockOffset;
use crate::http::HttpClient;
use crate::wire::exchange::{ExchangeSpec, exchange};
use crate::wire::stream::Stream;
use crate::wire::{ExchangeEnd, ExchangeLimits, Marks, ReceivedAnswer, Recording, ResponseHead, WireRequest};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use rustls::ClientConfig;
use std::sync::Arc;

/// The method of fetching pages.
#[derive(Clone)]
pub enum PageTransport {
    /// The client that keeps its own connections and follows the proxies of the environment.
    Client(HttpClient),
    /// The wire of measured requests, with a stamp for each step.
    Measured(Arc<ClientConfig>),
}

/// The result of fetching one page.
pub struct ListingPageAnswer {
    /// The answer's head, if one came.
    pub head: Option<ResponseHead>,
    pub body: Bytes,
    pub ending: ExchangeEnd,
    /// Time of the end.
    pub ended_at: DateTime<Utc>,
    /// Information about the connection, if the exchange was timed.
    pub contact: Option<HostContact>,
}

impl ListingPageAnswer {
    /// The answer in the form that the verdict takes.
    pub fn received(&self) -> ReceivedAnswer<'_> {
        let (head, body) = (self.head.as_ref(), &self.body[..]);
        ReceivedAnswer { head, body, ending: &self.ending, ended_at: self.ended_at }
    }
}

impl PageTransport {
    /// Fetches one page. `connection` is the one that the previous page left open, if this transport keeps
    /// connections itself.
    pub async fn fetch(
        &self,
        request: &WireRequest,
        limits: &ExchangeLimits,
        connection: &mut Option<Stream>,
    ) -> ListingPageAnswer {
        match self {
            PageTransport::Client(client) => {
                let answer = client.send(request, limits).await;
                let (head, body, ending) = (answer.head, answer.body, answer.ending);
                ListingPageAnswer { head, body, ending, ended_at: Utc::now(), contact: None }
            }
            PageTransport::Measured(tls) => {
                let recording = timed(request, limits, tls, connection).await;
                let contact = Some(HostContact::of(&recording));
                let Recording { head, body, ending, ended_at, .. } = recording;
                ListingPageAnswer { head, body, ending, ended_at, contact }
            }
        }
    }
}

async fn timed(
    request: &WireRequest,
    limits: &ExchangeLimits,
    tls: &Arc<ClientConfig>,
    connection: &mut Option<Stream>,
) -> Recording {
    let spec = || ExchangeSpec { request, limits, end_marker: None, tls };
    let kept = connection.take();
    let was_kept = kept.is_some();
    let (mut recording, mut open) = exchange(spec(), kept).await;
    if was_kept && recording.went_unanswered() {
        // The server closed the connection between two pages, which it may do.
        (recording, open) = exchange(spec(), None).await;
    }
    *connection = open;
    recording
}

/// Information about the connection to a host, from an exchange.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HostContact {
    /// Stamps of name resolution, TCP, TLS and the answer's head.
    pub marks: Marks,
    /// The offset of the host's clock by its `Date` header.
    pub clock: Option<ClockOffset>,
}

impl HostContact {
    fn of(recording: &Recording) -> Self {
        let date = recording.head.as_ref().and_then(|head| head.header("date"));
        let theirs = date.and_then(|text| DateTime::parse_from_rfc2822(text).ok());
        let head = recording.marks.head.and_then(|at| TimeDelta::from_std(at).ok());
        let sent = recording.marks.sent.and_then(|at| TimeDelta::from_std(at).ok());
        let clock = theirs.zip(sent.zip(head)).map(|(theirs, (sent, head))| {
            let (from, to) = (recording.started_at + sent, recording.started_at + head);
            ClockOffset::between(from, to, theirs.to_utc(), TimeDelta::seconds(1))
        });
        Self { marks: recording.marks, clock }
    }
}
