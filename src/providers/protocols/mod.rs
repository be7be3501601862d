//! Wire formats without I/O: encodes a request as a JSON body, and decodes recorded events into deltas. One file per
//! format; this one has the types that they share. `providers::hosts` knows which host speaks which format.

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

pub(crate) use dialect::percent_encoded;
pub use encoding::unpacked;
pub use error_body::error_body;

use serde_json::{Map, Value};
use std::time::Duration;

/// A wire format. The table in `providers::hosts` chooses one for a model, and the API's answers correct it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI Chat Completions, and the APIs that copy it.
    Chat,
    Responses,
    /// OpenAI's legacy Completions.
    Completions,
    Messages,
    /// Gemini `streamGenerateContent`.
    Gemini,
    /// Bedrock `ConverseStream` (binary event stream).
    Converse,
}

/// The deviations of a host from its dialect, as data.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quirks {
    /// Send the budget as `max_tokens` if the dialect's own word is `max_completion_tokens`.
    pub max_tokens_field: bool,
    /// Do not send `stream_options.include_usage`.
    pub no_usage_option: bool,
    /// Every answer reports its counts without being asked, so an answer without them is not whole.
    pub usage_unasked: bool,
    /// Reported output counts leave reasoning out.
    pub output_excludes_reasoning: bool,
    pub omit_temperature: bool,
    /// Send no seed, also where the request wants the same answer each time.
    pub omit_seed: bool,
    /// Do not ask for token probabilities.
    pub omit_logprobs: bool,
    /// Ask for token probabilities by the number of alternatives, in place of `true`.
    pub counted_logprobs: bool,
    /// The model stands in the URL alone, not in the body (Claude on Vertex).
    pub model_in_url: bool,
    /// Fields put into every request body, for example `{"perf_metrics_in_response": true}`: merged as RFC 7386 says,
    /// so objects merge and a null removes a field.
    pub body: Map<String, Value>,
}

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
    /// The moment when its event had been read, from t0.
    pub at: Duration,
    pub channel: Channel,
    pub text: String,
    /// The number of tokens in it, if the provider reports it for each chunk.
    pub tokens: Option<u32>,
}

/// Token counts as the provider reported them, before any normalisation. The last report wins, field by field.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Prompt tokens, cached ones included.
    pub input: Option<u64>,
    /// Prompt tokens that a cache answered.
    pub cached_input: Option<u64>,
    /// Output tokens as reported.
    pub output: Option<u64>,
    /// Reasoning tokens as reported.
    pub reasoning: Option<u64>,
    pub total: Option<u64>,
    /// A reported number that cannot be a count: negative, fractional, or beyond what doubles hold exactly.
    pub odd: Option<f64>,
    /// True if `output` does not include `reasoning` (Gemini, some hosts).
    pub output_excludes_reasoning: bool,
    /// The label of the source: `provider_usage_completion_tokens`, `provider_usage_output_tokens`, ….
    pub source: &'static str,
}

/// A provider's error, as it was worded: inside a stream after its 200, or as
/// the body of another status ([`error_body()`]).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StreamError {
    /// The provider's code: its `code` if that is a word, else its `type`, else its `status`.
    pub code: Option<String>,
    /// Its `type`, if that differs from the code: it helps if the code is new.
    pub family: Option<String>,
    pub message: String,
    /// An HTTP status, if the JSON names one.
    pub status: Option<u16>,
    /// The request parameter that was refused, if the JSON names one.
    pub param: Option<String>,
}

/// The contents of one recorded stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DecodedStream {
    /// Text in order of arrival.
    pub deltas: Vec<Delta>,
    /// The natural logarithms of the probabilities of the answer's tokens, in order, where they were asked for and sent.
    pub logprobs: Vec<f64>,
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
    /// The backend that the stream names. Chat Completions and Completions alone have a field for it; the other formats
    /// name a version of the model at most, which is in `response_model`.
    pub system_fingerprint: Option<String>,
    /// The provider that served the request, on routed providers.
    pub observed_provider: Option<String>,
    /// The provider's own clock, values in seconds under the provider's own names (see `timing` for
    /// the few that lose a unit).
    pub provider_timing: Map<String, Value>,
    /// An error inside the stream.
    pub error: Option<StreamError>,
    /// The moment when the first event had been read, with or without text.
    pub first_event: Option<Duration>,
    /// The number of events.
    pub events: usize,
    /// The reason why the bytes are not this protocol, if they are not.
    pub malformed: Option<String>,
    /// Set if the body ends in the middle of an event, although HTTP calls it whole; names the event.
    pub cut: Option<String>,
    /// Events with bytes that are not UTF-8; U+FFFD replaces those bytes.
    pub broken_texts: usize,
}
