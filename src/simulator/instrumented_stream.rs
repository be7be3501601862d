//! The server's end of a connection: stamps reads and writes, and records when the bytes that the body handed over
//! had been written. hyper buffers in between, so without this stream the truth would be a guess. It also does to the
//! socket what HTTP libraries refuse to do: one byte per write, a reset instead of an end.

use super::clock;
use super::ground_truth::RequestRecord;
use crate::wire::stream::StampedStream;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// State shared by the instrumented stream and the answer's body; one per connection.
#[derive(Clone, Default)]
pub struct Wire(Arc<Mutex<WireState>>);

#[derive(Default)]
struct WireState {
    last_read: u64,
    last_write: u64,
    record: Option<Arc<RequestRecord>>,
    handed: UnflushedOutput,
    waits_for_flush: Option<Waker>,
    drip: bool,
    reset: bool,
}

/// Output that hyper received and may not have written yet.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct UnflushedOutput {
    /// True for the head of the answer.
    pub head: bool,
    /// True for bytes that belong to no token.
    pub bytes: bool,
    /// Number of reasoning tokens.
    pub reasoning: u64,
    /// Number of visible tokens.
    pub visible: u64,
    /// True for the end of the body.
    pub end: bool,
}

impl Wire {
    /// The moment at which the last bytes arrived: by the kernel's stamp where it gives one.
    pub fn last_read(&self) -> u64 {
        self.state().last_read
    }

    /// Starts an answer: everything handed over from now on is stamped in `record`.
    pub fn begin(&self, record: Option<Arc<RequestRecord>>, drip: bool) {
        let mut state = self.state();
        state.record = record;
        state.drip = drip;
        state.handed = UnflushedOutput { head: true, ..UnflushedOutput::default() };
    }

    /// Records output that is about to be written.
    pub fn hand_over(&self, more: UnflushedOutput) {
        let handed = &mut self.state().handed;
        handed.bytes |= more.bytes;
        handed.end |= more.end;
        handed.reasoning += more.reasoning;
        handed.visible += more.visible;
    }

    /// Ready once everything handed over has been written.
    pub fn poll_flushed(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.handed == UnflushedOutput::default() {
            return Poll::Ready(());
        }
        state.waits_for_flush = Some(cx.waker().clone());
        Poll::Pending
    }

    /// From now on, closing the connection resets it.
    pub fn reset_on_close(&self) {
        self.state().reset = true;
    }

    fn state(&self) -> MutexGuard<'_, WireState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self) {
        let mut state = self.state();
        let handed = std::mem::take(&mut state.handed);
        if handed == UnflushedOutput::default() {
            return;
        }
        if let Some(record) = &state.record {
            stamp(record, handed, state.last_write);
        }
        if let Some(waker) = state.waits_for_flush.take() {
            waker.wake();
        }
    }
}

fn stamp(record: &RequestRecord, handed: UnflushedOutput, at: u64) {
    let mut seen = record.seen();
    if handed.head {
        seen.head = Some(at);
    }
    if handed.reasoning > 0 {
        seen.first_reasoning.get_or_insert(at);
        seen.last_reasoning = Some(at);
        seen.reasoning_tokens += handed.reasoning;
    }
    if handed.visible > 0 {
        seen.first_visible.get_or_insert(at);
        seen.last_visible = Some(at);
        seen.visible_tokens += handed.visible;
        let room = record.room - seen.visible.len();
        let kept = handed.visible.min(room as u64) as usize;
        seen.visible.extend(std::iter::repeat_n(at, kept));
    }
    if handed.end {
        seen.end = Some(at);
        seen.outcome = "complete";
    }
}

/// A connection whose reads and writes are stamped in its [`Wire`].
pub struct InstrumentedStream {
    stream: StampedStream,
    wire: Wire,
}

impl InstrumentedStream {
    pub fn new(stream: StampedStream, wire: Wire) -> Self {
        Self { stream, wire }
    }

    /// Stamps a write that is about to happen; true if it may carry one byte only.
    fn before_write(&self) -> bool {
        let mut state = self.wire.state();
        // Before the write, because another core may deliver the bytes before the system call returns.
        state.last_write = clock::now();
        state.drip
    }
}

impl Drop for InstrumentedStream {
    fn drop(&mut self) {
        if self.wire.state().reset {
            // A connection that is already gone cannot be reset.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for InstrumentedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            let waited = self.stream.last_arrival().at.elapsed();
            self.wire.state().last_read = clock::now().saturating_sub(waited.as_nanos() as u64);
        }
        polled
    }
}

impl AsyncWrite for InstrumentedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let limit = if self.before_write() { 1 } else { bytes.len() };
        Pin::new(&mut self.stream).poll_write(cx, &bytes[..limit.min(bytes.len())])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.before_write() {
            let first = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| &slice[..1]);
            return Pin::new(&mut self.stream).poll_write(cx, first);
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        if polled.is_ready() {
            self.wire.settle();
        }
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
