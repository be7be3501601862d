//! How each wire format says the same thing: one file a format, bytes out, no clock and no socket. Every format follows
//! its provider's documentation and recorded streams, not our own decoders.

mod chat;
mod completions;
mod converse;
mod gemini;
mod messages;
mod responses;
mod sse;
mod usage;

use super::request::SimRequest;
use super::route::SimHost;
use super::scenario::SimFault;
use crate::providers::protocols::{Channel, Dialect};

pub use sse::SseFormat;

/// What an answer is about, fixed before its first byte.
#[derive(Debug, Clone)]
pub struct ResponseContext {
    /// The request's id in the simulator.
    pub id: String,
    /// Unix seconds of the request.
    pub created: i64,
    /// Whose manners.
    pub host: SimHost,
    /// What was asked.
    pub ask: SimRequest,
    /// What is unusual.
    pub fault: SimFault,
}

/// Why generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model had said everything.
    Stop,
    /// The budget was spent.
    Length,
}

/// What really happened until the closing events, seconds since the request was received.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timing {
    /// The answer's head left.
    pub head: f64,
    /// The first token left, reasoning included.
    pub first: f64,
    /// The last token left.
    pub last: f64,
    /// Now.
    pub now: f64,
}

/// What the closing events say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closing {
    /// Why generation ended.
    pub finish: Finish,
    /// Visible tokens generated.
    pub visible: u64,
    /// Reasoning tokens generated.
    pub reasoning: u64,
    /// Whether counts may be told.
    pub usage: bool,
    /// The server's own clock.
    pub timing: Timing,
}

/// One piece of text.
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

/// A wire format that is about to give one answer. Every method appends bytes; one call is one moment.
pub trait ResponseWriter: Send {
    /// What comes before any token: a role, an envelope.
    fn opening(&mut self, out: &mut Vec<u8>);

    /// What comes while the client waits for the first token, several times; most formats say nothing.
    fn keep_alive(&mut self, _out: &mut Vec<u8>) {}

    /// Whether reasoning text is shown at all.
    fn shows_reasoning(&self) -> bool;

    /// Whether the format is text, so that a byte order mark makes sense before it.
    fn is_text(&self) -> bool {
        true
    }

    /// A piece of text, with whatever has to come between two channels.
    fn piece(&mut self, out: &mut Vec<u8>, piece: SimTextPiece<'_>);

    /// An event that is legal and holds no text.
    fn empty(&mut self, out: &mut Vec<u8>);

    /// An event that is broken.
    fn malformed(&mut self, out: &mut Vec<u8>);

    /// An error after the 200; nothing follows it.
    fn error(&mut self, out: &mut Vec<u8>);

    /// Finish reason, counts, end marker.
    fn closing(&mut self, out: &mut Vec<u8>, closing: &Closing);
}

/// The response writer of a wire format.
pub fn writer(dialect: Dialect, setting: ResponseContext) -> Box<dyn ResponseWriter> {
    let sse = SseFormat::of(setting.fault);
    match dialect {
        Dialect::Chat => Box::new(chat::ChatWriter::new(setting, sse)),
        Dialect::Completions => Box::new(completions::CompletionsWriter::new(setting, sse)),
        Dialect::Responses => Box::new(responses::ResponsesWriter::new(setting, sse)),
        Dialect::Messages => Box::new(messages::MessagesWriter::new(setting, sse)),
        Dialect::Gemini => Box::new(gemini::GeminiWriter::new(setting, sse)),
        Dialect::Converse => Box::new(converse::ConverseWriter::new(setting.ask.prompt_tokens)),
    }
}
