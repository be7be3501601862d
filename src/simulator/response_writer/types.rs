//! What every wire format of the simulator is told, and what it can be asked to write.

use crate::providers::protocols::Channel;
use crate::simulator::request::SimRequest;
use crate::simulator::route::SimHost;
use crate::simulator::scenario::SimFault;

/// The facts of an answer that are fixed before its first byte.
#[derive(Debug, Clone)]
pub struct ResponseContext {
    /// The request's id in the simulator.
    pub id: String,
    /// Unix seconds of the request.
    pub created: i64,
    pub host: SimHost,
    pub ask: SimRequest,
    pub fault: SimFault,
}

/// The reason why generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model finished its answer.
    Stop,
    /// The budget was spent.
    Length,
}

/// The actual times until the closing events, seconds since the request was received.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timing {
    /// The answer's head left.
    pub head: f64,
    /// The first token left, reasoning included.
    pub first: f64,
    /// The last token left.
    pub last: f64,
    /// The moment of the closing events.
    pub now: f64,
}

/// Contents of the closing events.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closing {
    pub finish: Finish,
    /// Visible tokens generated.
    pub visible: u64,
    /// Reasoning tokens generated.
    pub reasoning: u64,
    /// True if counts may be reported.
    pub usage: bool,
    /// The server's own clock.
    pub timing: Timing,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimTextPiece<'a> {
    /// Visible or reasoning.
    pub channel: Channel,
    /// The text as it goes between the quotes of a JSON string; nothing in it needs an escape.
    pub text: &'a [u8],
    /// Visible tokens generated so far, this piece included.
    pub visible: u64,
    /// Reasoning tokens generated so far, this piece included.
    pub reasoning: u64,
}

/// Writes one answer in a wire format. Every method appends bytes; all bytes of one call leave at one moment.
pub trait ResponseWriter: Send {
    /// Events before any token: a role, an envelope.
    fn opening(&mut self, out: &mut Vec<u8>);

    /// Events while the client waits for the first token, called several times; most formats send none.
    fn keep_alive(&mut self, _out: &mut Vec<u8>) {}

    /// True if the format shows reasoning text.
    fn shows_reasoning(&self) -> bool;

    /// True if the format is text, so that a byte order mark makes sense before it.
    fn is_text(&self) -> bool {
        true
    }

    /// A piece of text, with the events needed between two channels.
    fn piece(&mut self, out: &mut Vec<u8>, piece: SimTextPiece<'_>);

    /// A legal event without text.
    fn empty(&mut self, out: &mut Vec<u8>);

    fn malformed(&mut self, out: &mut Vec<u8>);

    /// An error after the 200; nothing follows it.
    fn error(&mut self, out: &mut Vec<u8>);

    /// Finish reason, counts, end marker.
    fn closing(&mut self, out: &mut Vec<u8>, closing: &Closing);
}
