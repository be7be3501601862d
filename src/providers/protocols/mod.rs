//! Wire formats without I/O: a question becomes a JSON body, recorded events become deltas. One file a format; here are
//! the words that they share. Which host speaks which format is `providers::hosts`.

mod chat;
mod collector;
mod completions;
mod converse;
mod dialect;
mod encoding;
mod error_body;
mod gemini;
mod lenient;
mod messages;
mod repair;
mod request;
mod responses;
mod think_tags;
mod timing;
mod usage;

pub use encoding::unpacked;
pub use error_body::error_body;

use serde_json::{Map, Value};
use std::time::Duration;

/// A wire format. Which one a model takes is the table's business (`providers::hosts`), corrected by what the API answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI Chat Completions, and everybody who copies it.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// OpenAI's legacy Completions.
    Completions,
    /// Anthropic Messages.
    Messages,
    /// Gemini `streamGenerateContent`.
    Gemini,
    /// Bedrock `ConverseStream` (binary event stream).
    Converse,
}

/// How a host departs from its dialect, as data.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quirks {
    /// Send the budget as `max_tokens` where the dialect's own word is `max_completion_tokens`.
    pub max_tokens_field: bool,
    /// Do not send `stream_options.include_usage`.
    pub no_usage_option: bool,
    /// Reported output counts leave reasoning out.
    pub output_excludes_reasoning: bool,
    /// Never send a temperature.
    pub omit_temperature: bool,
    /// The model stands in the URL alone, not in the body (Claude on Vertex).
    pub model_in_url: bool,
    /// Fields put into every request body, for example `{"perf_metrics_in_response": true}`: merged as RFC 7386 says, so
    /// objects merge and a null takes a field out.
    pub body: Map<String, Value>,
}

/// What a delta holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Text that a user would see.
    Visible,
    /// Reasoning ("thinking") text.
    Reasoning,
}

/// A piece of text that a stream delivered; never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Delta {
    /// When its event had been read, from t0.
    pub at: Duration,
    /// Visible or reasoning.
    pub channel: Channel,
    /// The text.
    pub text: String,
    /// How many tokens it holds, where the provider says so for each chunk.
    pub tokens: Option<u32>,
}

/// Token counts as the provider reported them, before any normalisation. The last report wins, field by field.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Prompt tokens, cached ones included.
    pub input: Option<u64>,
    /// Of these, answered by a cache.
    pub cached_input: Option<u64>,
    /// Output tokens as reported.
    pub output: Option<u64>,
    /// Reasoning tokens as reported.
    pub reasoning: Option<u64>,
    /// Total as reported.
    pub total: Option<u64>,
    /// A number among them that counts nothing: negative, fractional, or beyond what doubles hold exactly.
    pub odd: Option<f64>,
    /// True where `output` does not include `reasoning` (Gemini, some hosts).
    pub output_excludes_reasoning: bool,
    /// The label of the source: `provider_usage_completion_tokens`, `provider_usage_output_tokens`, ….
    pub source: &'static str,
}

/// An error as a provider words it: inside a stream after its 200, or as the body of another status ([`error_body()`]).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StreamError {
    /// The provider's code: its `code` where that is a word, else its `type`, else its `status`.
    pub code: Option<String>,
    /// Its `type`, where that is another word than the code: it says more where the code is new.
    pub family: Option<String>,
    /// The provider's message.
    pub message: String,
    /// An HTTP status, where the JSON names one.
    pub status: Option<u16>,
    /// The request parameter that was refused, where the JSON names one.
    pub param: Option<String>,
}

/// Everything that a decoder found in one recorded stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DecodedStream {
    /// Text in order of arrival.
    pub deltas: Vec<Delta>,
    /// Counts, if any came.
    pub usage: Option<Usage>,
    /// The provider's word for why generation ended.
    pub finish_reason: Option<String>,
    /// The provider's id for the answer.
    pub response_id: Option<String>,
    /// The provider's status word (Responses API).
    pub response_status: Option<String>,
    /// The model that the stream names.
    pub response_model: Option<String>,
    /// The service tier that the stream names.
    pub service_tier: Option<String>,
    /// Who served, on routed providers.
    pub observed_provider: Option<String>,
    /// The provider's own clock, values in seconds under the provider's own names (see `timing` for the few that lose a unit).
    pub provider_timing: Map<String, Value>,
    /// An error inside the stream.
    pub error: Option<StreamError>,
    /// When the first event had been read, whatever it held.
    pub first_event: Option<Duration>,
    /// How many events came.
    pub events: usize,
    /// Why the bytes are not this protocol, if they are not.
    pub malformed: Option<String>,
    /// Where the body ends in the middle of an event, although HTTP calls it whole.
    pub cut: Option<String>,
    /// How many events held bytes that are no UTF-8; U+FFFD stands in their place.
    pub broken_texts: usize,
}
