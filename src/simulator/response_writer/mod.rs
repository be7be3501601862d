//! Renders the same answer in each wire format: one file per format, bytes out, no clock and no socket. Every format
//! follows its provider's documentation and recorded streams, not the decoders of this program.

mod chat;
mod completions;
mod converse;
mod gemini;
mod messages;
mod responses;
mod sse;
mod types;
mod usage;

use crate::providers::protocols::Dialect;

pub use sse::SseFormat;
pub use types::{Closing, Finish, ResponseContext, ResponseWriter, SimTextPiece, Timing};

/// Creates the response writer of a wire format.
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
