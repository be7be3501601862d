//! One exchange on an open or new connection: writes the request, stamps every read, stops at the end of the body or
//! at a deadline. The body is not interpreted, except for a search for the protocol's end marker.

use crate::domain::run::{Connection, ConnectionInfo};
use crate::wire::connect::{ConnectError, ConnectMarks, connect};
use crate::wire::framing::BodyFraming;
use crate::wire::recording::{BodyRead, ExchangeEnd, Marks, Recording, ResponseHead};
use crate::wire::request::{ExchangeLimits, WireRequest};
use crate::wire::stream::Stream;
use bytes::Bytes;
use chrono::Utc;
use rustls::ClientConfig;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};

/// The largest accepted head of an answer.
const HEAD_LIMIT: usize = 64 * 1024;
/// Size of one read. All streams of a thread share one buffer: a read is processed before anything else runs.
const READ_SIZE: usize = 64 * 1024;
/// Time within which a warm connection must deliver the last bytes of its framing after the end marker.
const DRAIN: Duration = Duration::from_millis(250);

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_SIZE]);
}

/// The input of an exchange.
pub struct ExchangeSpec<'a> {
    pub request: &'a WireRequest,
    pub limits: &'a ExchangeLimits,
    /// A byte sequence that, at the start of a line, ends the answer even if the connection stays open.
    pub end_marker: Option<&'static [u8]>,
    pub tls: &'a Arc<ClientConfig>,
}

/// An exchange that may still be running: its t0, its bytes so far, its stamps.
struct RecordingBuilder {
    zero: Instant,
    marks: Marks,
    carrier: ConnectionInfo,
    head: Option<ResponseHead>,
    head_bytes: Vec<u8>,
    framing: Option<BodyFraming>,
    body: Vec<u8>,
    reads: Vec<BodyRead>,
    /// The arrival of the last bytes read.
    arrived: Duration,
    connect_delay: Option<Duration>,
    /// The offset up to which the end marker has been searched.
    searched: usize,
}

/// Runs one exchange. `warm` is a connection opened beforehand; without one, connecting is part of the measured time.
/// Returns the recording, and the connection if it can carry another request.
pub async fn exchange(plan: ExchangeSpec<'_>, warm: Option<Stream>) -> (Recording, Option<Stream>) {
    let connection = if warm.is_some() { Connection::Warm } else { Connection::Cold };
    let bytes = plan.request.bytes();
    let started_at = Utc::now();
    let mut tape = RecordingBuilder::new(Instant::now());
    tape.carrier.proxy = plan.request.proxy.as_ref().map(ToString::to_string);
    let (ending, stream) = tape.run(&plan, warm, &bytes).await;
    let recording = tape.finish(started_at, connection, ending);
    (recording, stream)
}

impl RecordingBuilder {
    fn new(zero: Instant) -> Self {
        Self {
            zero,
            marks: Marks::default(),
            carrier: ConnectionInfo::default(),
            head: None,
            head_bytes: Vec::new(),
            framing: None,
            body: Vec::new(),
            reads: Vec::new(),
            arrived: Duration::ZERO,
            connect_delay: None,
            searched: 0,
        }
    }

    async fn run(
        &mut self,
        plan: &ExchangeSpec<'_>,
        warm: Option<Stream>,
        bytes: &[u8],
    ) -> (ExchangeEnd, Option<Stream>) {
        let mut stream = match self.connected(plan, warm).await {
            Ok(stream) => stream,
            Err(ending) => return (ending, None),
        };
        self.carrier.connect_address = stream.peer().map(|peer| peer.to_string());
        if let Err(ending) = self.send(plan, &mut stream, bytes).await {
            return (self.answered_early(plan, &mut stream, ending).await, None);
        }
        let ending = self.receive(plan, &mut stream).await;
        self.marks.transmitted = stream.transmitted().map(|at| at.saturating_duration_since(self.zero));
        let reusable = ending == ExchangeEnd::Complete && self.settle(&mut stream).await;
        (ending, reusable.then_some(stream))
    }

    async fn connected(
        &mut self,
        plan: &ExchangeSpec<'_>,
        warm: Option<Stream>,
    ) -> Result<Stream, ExchangeEnd> {
        if let Some(stream) = warm {
            self.carrier.network_rtt_seconds = stream.path().map(|path| path.round_trip.as_secs_f64());
            return Ok(stream);
        }
        let deadline = plan.limits.connect.min(plan.limits.total);
        let (marks, opened) =
            connect(&plan.request.target, plan.request.proxy.as_ref(), plan.tls, deadline).await;
        self.note_connect(marks);
        opened.map_err(|error| {
            self.marks.end = self.zero.elapsed();
            match error {
                ConnectError::Failed(sentence) => ExchangeEnd::ConnectFailed(sentence),
                ConnectError::Exhausted(sentence) => ExchangeEnd::Exhausted(sentence),
                ConnectError::TimedOut => ExchangeEnd::TimedOut("connect"),
                ConnectError::ProxyTimedOut => ExchangeEnd::TimedOut("proxy"),
            }
        })
    }

    fn note_connect(&mut self, marks: ConnectMarks) {
        let since = |at: Option<Instant>| at.map(|at| at.duration_since(self.zero));
        (self.marks.dns, self.marks.tcp) = (since(marks.dns), since(marks.tcp));
        (self.marks.proxy, self.marks.tls) = (since(marks.proxy), since(marks.tls));
        self.carrier.connect_attempts = Some(u64::from(marks.attempts));
        self.carrier.network_rtt_seconds = marks.round_trip.map(|way| way.as_secs_f64());
        self.connect_delay = marks.delay;
    }

    async fn send(
        &mut self,
        plan: &ExchangeSpec<'_>,
        stream: &mut Stream,
        bytes: &[u8],
    ) -> Result<(), ExchangeEnd> {
        let left = plan.limits.total.saturating_sub(self.zero.elapsed());
        stream.prepare_request(plan.request.body.len());
        let written = tokio::time::timeout(left, async {
            stream.write_all(bytes).await?;
            stream.flush().await
        })
        .await;
        let now = self.zero.elapsed();
        self.marks.end = now;
        match written {
            Ok(Ok(())) => {
                self.marks.sent = Some(now);
                Ok(())
            }
            Ok(Err(error)) => Err(ExchangeEnd::SendFailed(error.to_string())),
            Err(_) => Err(ExchangeEnd::TimedOut("total")),
        }
    }

    /// The host's answer before it stopped reading, if it refused a request that was still being written (413 and a
    /// reset); else the end that the write caused.
    async fn answered_early(
        &mut self,
        plan: &ExchangeSpec<'_>,
        stream: &mut Stream,
        written: ExchangeEnd,
    ) -> ExchangeEnd {
        if !matches!(written, ExchangeEnd::SendFailed(_)) {
            return written;
        }
        let ended = self.marks.end;
        let read = tokio::time::timeout(DRAIN, self.receive(plan, stream)).await;
        match (&self.head, read) {
            (Some(head), Ok(ending)) if head.status >= 300 => ending,
            (Some(head), Err(_)) if head.status >= 300 => {
                ExchangeEnd::Cut("the connection ended inside the answer".to_owned())
            }
            _ => {
                (self.head, self.marks.head, self.marks.end) = (None, None, ended);
                self.body.clear();
                self.reads.clear();
                written
            }
        }
    }

    /// Reads until the body is complete, the end marker came, a deadline passed or the connection ended. The timer is
    /// reset only when it fires, not at every read.
    async fn receive(&mut self, plan: &ExchangeSpec<'_>, stream: &mut Stream) -> ExchangeEnd {
        let timer = tokio::time::sleep_until((self.zero + self.deadline(plan.limits).0).into());
        tokio::pin!(timer);
        loop {
            let step = tokio::select! {
                biased;
                read = poll_fn(|cx| self.poll_read(cx, stream)) => read,
                () = timer.as_mut() => {
                    let (due, name) = self.deadline(plan.limits);
                    if self.zero.elapsed() >= due {
                        self.marks.end = self.zero.elapsed();
                        return ExchangeEnd::TimedOut(name);
                    }
                    timer.as_mut().reset((self.zero + due).into());
                    continue;
                }
            };
            match step {
                Ok(0) => return self.ended_by_close(),
                Ok(_) => {}
                Err(error) => {
                    self.marks.end = self.zero.elapsed();
                    return if error.kind() == io::ErrorKind::InvalidData {
                        ExchangeEnd::Malformed(error.to_string())
                    } else {
                        self.broken(error.to_string())
                    };
                }
            }
            if self.body.len() > plan.limits.body_bytes {
                return ExchangeEnd::TooLarge;
            }
            if self.framing.as_ref().is_some_and(BodyFraming::is_complete)
                || self.marker_found(plan.end_marker)
            {
                return ExchangeEnd::Complete;
            }
        }
    }

    /// The next deadline, as time from t0, and its name.
    fn deadline(&self, limits: &ExchangeLimits) -> (Duration, &'static str) {
        let (due, name) = match self.reads.last() {
            Some(read) => (read.at + limits.gap, "gap"),
            None => (self.marks.sent.unwrap_or_default() + limits.first_byte, "first byte"),
        };
        if due < limits.total { (due, name) } else { (limits.total, "total") }
    }

    /// One read, stamped before its bytes are processed. Returns the number of bytes; 0 is the end of the connection.
    fn poll_read(&mut self, cx: &mut std::task::Context<'_>, stream: &mut Stream) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer))?;
            let arrival = stream.last_arrival();
            // A read without a stamp of the kernel counts when it returned: later bytes did not arrive before it.
            self.arrived = arrival.at.saturating_duration_since(self.zero).max(self.arrived);
            let filled = buffer.filled();
            self.marks.end = self.arrived;
            if !filled.is_empty() {
                self.take(filled, arrival.waited)
                    .map_err(|reason| io::Error::new(io::ErrorKind::InvalidData, reason))?;
            }
            Poll::Ready(Ok(filled.len()))
        })
    }

    fn take(&mut self, bytes: &[u8], waited: Option<Duration>) -> Result<(), String> {
        let (before, at) = (self.body.len(), self.arrived);
        if let Some(framing) = &mut self.framing {
            framing.feed(bytes, &mut self.body)?;
        } else {
            self.head_bytes.extend_from_slice(bytes);
            self.take_head(at)?;
        }
        if self.body.len() > before {
            self.reads.push(BodyRead { body_end: self.body.len(), at, waited });
        }
        Ok(())
    }

    /// Parses the head once it is complete; the bytes after it are the first of the body.
    fn take_head(&mut self, at: Duration) -> Result<(), String> {
        while let Some((length, head)) = parse_head(&self.head_bytes)? {
            let rest = self.head_bytes.split_off(length);
            self.head_bytes = rest;
            if head.status < 200 {
                // 100 Continue and similar statuses precede the final head.
                continue;
            }
            let bodiless = matches!(head.status, 204 | 304);
            let mut framing =
                if bodiless { BodyFraming::Length(0) } else { BodyFraming::of_head(&head.headers)? };
            framing.feed(&self.head_bytes, &mut self.body)?;
            self.head_bytes = Vec::new();
            self.marks.head = Some(at);
            self.head = Some(head);
            self.framing = Some(framing);
            return Ok(());
        }
        if self.head_bytes.len() > HEAD_LIMIT {
            return Err("the answer's head is larger than 64 KiB".to_owned());
        }
        Ok(())
    }

    fn ended_by_close(&self) -> ExchangeEnd {
        match &self.framing {
            Some(framing) if framing.may_end_here() => ExchangeEnd::Complete,
            Some(_) => self.broken("the connection ended inside the answer"),
            None if self.head_bytes.is_empty() => self.broken("the connection ended without an answer"),
            None => self.broken("the connection ended inside the answer's head"),
        }
    }

    /// The end of a connection that closed or broke, classified by the part of the answer that had arrived.
    fn broken(&self, reason: impl Into<String>) -> ExchangeEnd {
        let silent = self.head.is_none() && self.head_bytes.is_empty();
        if silent { ExchangeEnd::Unanswered(reason.into()) } else { ExchangeEnd::Cut(reason.into()) }
    }

    /// True if the end marker stands at the start of a line of the body. Only success streams have one.
    fn marker_found(&mut self, marker: Option<&'static [u8]>) -> bool {
        let Some(marker) = marker else { return false };
        let from = self.searched.saturating_sub(marker.len());
        self.searched = self.body.len();
        memchr::memmem::find_iter(&self.body[from..], marker)
            .any(|found| from + found == 0 || matches!(self.body[from + found - 1], b'\n' | b'\r'))
    }

    /// Runs after the measurement. Returns true if the connection can carry another request.
    async fn settle(&mut self, stream: &mut Stream) -> bool {
        let closes = self.head.as_ref().and_then(|head| head.header("connection"));
        if closes.is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            return false;
        }
        let end = self.marks.end;
        let length = self.body.len();
        let drained = tokio::time::timeout(DRAIN, async {
            while !self.framing.as_ref().is_some_and(BodyFraming::is_complete) {
                if !matches!(poll_fn(|cx| self.poll_read(cx, stream)).await, Ok(read) if read > 0) {
                    return false;
                }
            }
            true
        })
        .await;
        self.marks.end = end;
        self.body.truncate(length);
        self.reads.retain(|read| read.body_end <= length);
        drained.unwrap_or(false)
    }

    fn finish(
        self,
        started_at: chrono::DateTime<Utc>,
        connection: Connection,
        ending: ExchangeEnd,
    ) -> Recording {
        let late = self.zero.elapsed().saturating_sub(self.marks.end);
        Recording {
            started_at,
            ended_at: Utc::now() - chrono::Duration::from_std(late).unwrap_or_default(),
            connection,
            carrier: self.carrier,
            marks: self.marks,
            head: self.head,
            body: Bytes::from(self.body),
            reads: self.reads,
            ending,
            late_wakes: Vec::new(),
            connect_delay: self.connect_delay,
            dispatch_delay: Duration::ZERO,
        }
    }
}

/// The head and its length, once it is complete.
fn parse_head(bytes: &[u8]) -> Result<Option<(usize, ResponseHead)>, String> {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(format!("the answer is no HTTP/1.1 ({error})")),
    };
    let headers = response
        .headers
        .iter()
        .map(|header| (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    Ok(Some((length, ResponseHead { status: response.code.unwrap_or(0), headers })))
}
