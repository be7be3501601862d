//! The way to a page of a list. Lists are read over the client for everything that is not measured; `doctor`, which says how
//! long each step took, asks over the wire that measures.

use crate::domain::clock_offset::ClockOffset;
use crate::http::HttpClient;
use crate::wire::exchange::{ExchangeSpec, exchange};
use crate::wire::stream::Stream;
use crate::wire::{ExchangeEnd, ExchangeLimits, Marks, ReceivedAnswer, Recording, ResponseHead, WireRequest};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use rustls::ClientConfig;
use std::sync::Arc;

/// How pages are fetched.
#[derive(Clone)]
pub enum PageTransport {
    /// Over the client that keeps its own connections and follows the proxies of the environment.
    Client(HttpClient),
    /// As measured requests go, with a stamp for each step.
    Measured(Arc<ClientConfig>),
}

/// What came of one page.
pub struct ListingPageAnswer {
    /// The answer's head, if one came.
    pub head: Option<ResponseHead>,
    /// The body.
    pub body: Bytes,
    /// How it ended.
    pub ending: ExchangeEnd,
    /// When.
    pub ended_at: DateTime<Utc>,
    /// What the exchange says about the way, where it was timed.
    pub contact: Option<HostContact>,
}

impl ListingPageAnswer {
    /// What came back, for a verdict.
    pub fn received(&self) -> ReceivedAnswer<'_> {
        let (head, body) = (self.head.as_ref(), &self.body[..]);
        ReceivedAnswer { head, body, ending: &self.ending, ended_at: self.ended_at }
    }
}

impl PageTransport {
    /// Asks for one page. `connection` is the one that the page before left open, where this keeps connections itself.
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
        // The server had closed the connection between two pages, as it may.
        (recording, open) = exchange(spec(), None).await;
    }
    *connection = open;
    recording
}

/// What an exchange says about the way to a host.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HostContact {
    /// When name, TCP, TLS and the answer's head were there.
    pub marks: Marks,
    /// The host's clock by its `Date` header.
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
