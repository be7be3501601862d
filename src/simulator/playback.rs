//! The body of a streamed answer: keeps the script's timetable, one frame per moment. Everything that is due goes out
//! in one write; a client that reads slowly gets it late, and the truth says so.

use super::clock::{self, seconds_between};
use super::ground_truth::RequestRecord;
use super::instrumented_stream::{UnflushedOutput, Wire};
use super::response_writer::Timing;
use super::script::{Script, ScriptAction, SimSegment, StreamBreak};
use super::timer::Alarm;
use bytes::Bytes;
use hyper::body::{Body, Frame};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Maximum number of bytes handed to hyper at once.
const FRAME_BYTES: usize = 64 * 1024;

/// A script being played.
pub struct Playback {
    wire: Wire,
    record: Arc<RequestRecord>,
    alarm: Alarm,
    script: Script,
    bytes: Bytes,
    acts: std::iter::Peekable<std::vec::IntoIter<ScriptAction>>,
    position: usize,
    /// Bytes that still have to leave one by one, and the output that they carry.
    dripping: Option<(Bytes, UnflushedOutput)>,
    drip: bool,
    complete: bool,
}

impl Playback {
    /// Starts playing; moments count from when the record's request was received.
    pub fn new(wire: Wire, record: Arc<RequestRecord>, alarm: Alarm, mut script: Script, drip: bool) -> Self {
        let block = script.next_block().unwrap_or_default();
        Self {
            wire,
            record,
            alarm,
            script,
            bytes: block.bytes.into(),
            acts: block.acts.into_iter().peekable(),
            position: 0,
            dripping: None,
            drip,
            complete: false,
        }
    }

    fn poll_due(&mut self, cx: &mut Context<'_>, due: u64) -> Poll<io::Result<()>> {
        self.alarm.poll_until(cx, self.record.received.saturating_add(due))
    }

    /// The next action; renders another block if this one is used up.
    fn next_act(&mut self) -> Option<ScriptAction> {
        if self.acts.peek().is_none() {
            let block = self.script.next_block()?;
            self.bytes = block.bytes.into();
            self.acts = block.acts.into_iter().peekable();
            self.position = 0;
        }
        self.acts.peek().copied()
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, part: SimSegment) -> Poll<io::Result<()>> {
        ready!(self.poll_due(cx, part.due))?;
        if part.alone {
            ready!(self.wire.poll_flushed(cx));
        }
        let now = clock::now().saturating_sub(self.record.received);
        let mut handed = UnflushedOutput { bytes: true, ..UnflushedOutput::default() };
        let start = self.position;
        let fits = |next: &SimSegment| {
            next.due <= now && next.end - start <= FRAME_BYTES && next.alone == part.alone && !next.alone
        };
        let mut taken = Some(part);
        while let Some(part) = taken {
            self.acts.next();
            self.position = part.end;
            handed.reasoning += part.reasoning;
            handed.visible += part.visible;
            taken = match self.acts.peek() {
                Some(ScriptAction::Send(next)) if fits(next) => Some(*next),
                _ => None,
            };
        }
        let bytes = self.bytes.slice(start..self.position);
        self.emit(bytes, handed);
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, due: u64) -> Poll<io::Result<()>> {
        ready!(self.poll_due(cx, due))?;
        // The closing events report true times, so the tokens must have left.
        ready!(self.wire.poll_flushed(cx));
        self.acts.next();
        let timing = self.timing();
        let bytes = Bytes::from(self.script.closing(timing));
        self.emit(bytes, UnflushedOutput { bytes: true, ..UnflushedOutput::default() });
        Poll::Ready(Ok(()))
    }

    fn poll_break(&mut self, cx: &mut Context<'_>, due: u64, how: StreamBreak) -> Poll<io::Error> {
        // A timer that cannot be set breaks the stream just as well.
        let _ = ready!(self.poll_due(cx, due));
        ready!(self.wire.poll_flushed(cx));
        let outcome = match how {
            StreamBreak::Cut => "cut",
            StreamBreak::Reset => "reset",
            StreamBreak::Stall => "stalled",
        };
        self.record.seen().outcome = outcome;
        if how == StreamBreak::Stall {
            // Only the connection wakes this task, when the client leaves.
            return Poll::Pending;
        }
        if how == StreamBreak::Reset {
            self.wire.reset_on_close();
        }
        Poll::Ready(io::Error::other("the scenario breaks the connection"))
    }

    fn timing(&self) -> Timing {
        let seen = self.record.seen();
        let since = |at: Option<u64>| at.map_or(0.0, |at| seconds_between(self.record.received, at));
        Timing {
            head: since(seen.head),
            first: since(seen.first_reasoning.or(seen.first_visible)),
            last: since(seen.last_visible.or(seen.last_reasoning)),
            now: since(Some(clock::now())),
        }
    }

    fn emit(&mut self, bytes: Bytes, handed: UnflushedOutput) {
        self.dripping = Some((bytes, handed));
    }

    /// Returns the emitted bytes: all at once, or one per flush.
    fn poll_emitted(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some((mut bytes, handed)) = self.dripping.take() else { return Poll::Ready(None) };
        if self.drip && self.wire.poll_flushed(cx).is_pending() {
            self.dripping = Some((bytes, handed));
            return Poll::Pending;
        }
        if self.drip && bytes.len() > 1 {
            let first = bytes.split_to(1);
            self.dripping = Some((bytes, handed));
            self.wire.hand_over(UnflushedOutput { bytes: true, ..UnflushedOutput::default() });
            return Poll::Ready(Some(first));
        }
        self.wire.hand_over(handed);
        Poll::Ready(Some(bytes))
    }

    fn end(&mut self) {
        self.complete = true;
        self.wire.hand_over(UnflushedOutput { end: true, ..UnflushedOutput::default() });
    }
}

impl Body for Playback {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(bytes) = ready!(self.poll_emitted(cx)) {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            let Some(act) = self.next_act() else {
                self.end();
                return Poll::Ready(None);
            };
            let polled = match act {
                ScriptAction::Send(part) => self.poll_send(cx, part),
                ScriptAction::Close { due } => self.poll_close(cx, due),
                ScriptAction::Break { due, how } => self.poll_break(cx, due, how).map(Err),
            };
            if let Err(error) = ready!(polled) {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

impl Drop for Playback {
    /// A body dropped before its end lost its client, or the server stops.
    fn drop(&mut self) {
        if self.complete {
            return;
        }
        let mut seen = self.record.seen();
        seen.end = Some(clock::now());
        if seen.outcome == "open" {
            seen.outcome = "client_gone";
        }
    }
}
