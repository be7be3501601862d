//! One successful attempt with all its figures: a document of `metrics_cloud_v2` or `metrics_cloud_probe`, field by field
//! as the data contract names them. How the figures come about is `measure::timeline`.

use crate::domain::Failure;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One attempt, one outcome, one row.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Tokens came and the stream ended as it should.
    Success(Box<Run>),
    /// Anything else. Its tokens are never a sample.
    Failure(Box<Failure>),
}

impl Outcome {
    /// The attempt's id, under which a store keeps at most one row.
    pub fn id(&self) -> &str {
        match self {
            Outcome::Success(run) => &run.id,
            Outcome::Failure(failure) => &failure.id,
        }
    }
}

/// Whether the clock covers DNS, TCP and TLS (`cold`) or found a connection open (`warm`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// A new connection inside the clock.
    Cold,
    /// A connection opened before the clock started.
    Warm,
}

/// Token counts. Output counts include reasoning (`output_tokens` = `generated_output_tokens`); null where unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tokens {
    /// Generated tokens, reasoning included.
    pub output_tokens: Option<u64>,
    /// The same number under its newer name.
    pub generated_output_tokens: Option<u64>,
    /// Tokens of visible text.
    pub visible_output_tokens: Option<u64>,
    /// Tokens of reasoning, where the provider counts them.
    pub reasoning_tokens: Option<u64>,
    /// Prompt tokens, cached ones included.
    pub input_tokens: Option<u64>,
    /// Prompt tokens that a cache answered.
    pub cached_input_tokens: Option<u64>,
    /// Input plus output.
    pub total_tokens: Option<u64>,
    /// Who counted: `provider_usage_completion_tokens`, `provider_usage_output_tokens`, `tiktoken_visible_text`, …; ends
    /// with `_split_by_tiktoken` where a tokenizer told visible text from reasoning.
    pub token_source: String,
}

/// Speeds and gaps, all in seconds or tokens per second; null where nothing was seen. Defined in `measure::timeline`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Speeds {
    /// End of the answer − t0, seconds, > 0.
    pub generate_time: f64,
    /// Generated tokens / generate_time: reasoning included, waiting included.
    pub tokens_per_second: f64,
    /// The same number under its newer name.
    pub generated_tokens_per_second: Option<f64>,
    /// Visible tokens / generate_time.
    pub visible_tokens_per_second: Option<f64>,
    /// (visible tokens − 1) / (last visible − first visible).
    pub decode_tokens_per_second: Option<f64>,
    /// t0 to the first visible text; null if none, never 0.
    pub time_to_first_token: Option<f64>,
    /// t0 to the first reasoning text.
    pub time_to_first_reasoning_token: Option<f64>,
    /// Whether `time_to_first_token` is a number.
    pub ttft_available: bool,
    /// Gaps between visible *chunks* (not tokens), in order.
    pub times_between_tokens: Vec<f64>,
    /// (last visible − first visible) / (visible tokens − 1).
    pub inter_token_latency: Option<f64>,
    /// t0 to the 64th visible token; null if fewer came.
    pub time_to_64_visible_tokens_seconds: Option<f64>,
    /// The largest gap between visible chunks.
    pub max_stall_seconds: Option<f64>,
}

/// When each phase had ended, seconds from t0, null where it did not happen inside the clock.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// Name resolved.
    pub dns_seconds: Option<f64>,
    /// DNS, TCP, the proxy and TLS done: subtract it from a cold TTFT to compare with a warm one.
    pub connect_seconds: Option<f64>,
    /// From TCP connected to the proxy's answer to CONNECT, as a duration: its share of `connect_seconds`; null without a
    /// proxy.
    pub proxy_seconds: Option<f64>,
    /// TLS alone, as a duration: its share of `connect_seconds`.
    pub tls_seconds: Option<f64>,
    /// The request's last byte handed to the kernel.
    pub sent_seconds: Option<f64>,
    /// The answer's head was complete.
    pub headers_seconds: Option<f64>,
    /// The first event of the stream, whatever it held.
    pub first_event_seconds: Option<f64>,
    /// The last visible text.
    pub last_visible_seconds: Option<f64>,
}

/// Which connection carried the request, and what it took to have it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionInfo {
    /// The address that answered, the proxy's where there is one; null where none did.
    pub connect_address: Option<String>,
    /// The proxy that was to connect, `host:port`; null without one. No row with one is published.
    pub proxy: Option<String>,
    /// How many of the host's addresses were dialled inside the clock; null where a connection was open before it.
    pub connect_attempts: Option<u64>,
    /// How many kept connections turned out to be closed when this request was first sent; each time it was measured
    /// afresh, with a new t0, on another one.
    pub reconnects: u64,
}

/// Whether the stream is fine enough to time generation at all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamShape {
    /// `token` (a chunk is about a token), `coarse` (several tokens a chunk), `burst` (too few chunks to time decoding).
    pub stream_resolution: Option<String>,
    /// How many chunks carried visible text.
    pub visible_stream_chunks: u64,
    /// The most tokens in one chunk, where the provider says or the share of text tells.
    pub max_tokens_per_chunk: Option<u64>,
}

/// What the client did to the sample. Nobody should have to trust a figure without it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// True where the client was starved while it measured, or the answer leaves its counts or its text in doubt; such a
    /// row stays out of the published series.
    pub suspect: bool,
    /// Why, one sentence each; empty if not suspect.
    pub suspect_reasons: Vec<String>,
    /// The longest time by which the measuring thread's loop was late while the run lasted, seconds.
    pub loop_lag_seconds: f64,
    /// From the moment the request should have started to t0, seconds. Open loop: schedule; closed loop: queue.
    pub dispatch_delay_seconds: f64,
    /// Wall clock minus monotonic clock over the run, seconds: a step of the wall clock.
    pub wall_clock_step_seconds: f64,
}

/// One successful attempt. Serialises to the data contract's document; unknown fields survive in `extra`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The attempt's id (a ULID); `_id` in MongoDB.
    #[serde(rename = "_id")]
    pub id: String,
    /// The provider's name.
    pub provider: String,
    /// The provider's id for the model, case-sensitive.
    pub model_name: String,
    /// Start of the run (t0), UTC, milliseconds.
    pub run_ts: DateTime<Utc>,
    /// End of the generation, UTC, milliseconds.
    pub gen_ts: DateTime<Utc>,
    /// The temperature of the profile, whether or not the model accepts one (as the Python runner stored it).
    pub temperature: Option<f64>,
    /// The profile's output budget.
    pub requested_tokens: u64,
    /// The output budget that was sent.
    pub max_output_tokens_attempted: u64,
    /// Counts.
    #[serde(flatten)]
    pub tokens: Tokens,
    /// Speeds.
    #[serde(flatten)]
    pub speeds: Speeds,
    /// Phases.
    #[serde(flatten)]
    pub phases: Phases,
    /// Shape of the stream.
    #[serde(flatten)]
    pub stream: StreamShape,
    /// Cold or warm.
    pub connection: Connection,
    /// The connection's address and history.
    #[serde(flatten)]
    pub carrier: ConnectionInfo,
    /// Quality stamps.
    #[serde(flatten)]
    pub quality: Quality,
    /// Always 2 here.
    pub metrics_schema_version: u32,
    /// Which request was sent: `openai_responses_stream`, `groq_chat_completions_stream`, …
    pub request_mode: String,
    /// Why generation ended, in the provider's own word.
    pub finish_reason: Option<String>,
    /// The provider's id for the answer.
    pub response_id: Option<String>,
    /// The provider's id for the request, as the answer's head names it: what its support asks for.
    pub provider_request_id: Option<String>,
    /// The provider's status word (Responses API).
    pub response_status: Option<String>,
    /// The model that the provider says it served.
    pub response_model: Option<String>,
    /// The effort that was sent.
    pub reasoning_effort: Option<String>,
    /// `visible_nonzero`.
    pub validation_policy: String,
    /// Always false on a success.
    pub visible_text_empty: bool,
    /// `published`, `shadow`, `manual`, …; only `published` can reach the public collection.
    pub sample_role: String,
    /// The profile asked.
    pub benchmark_profile_id: String,
    /// Version of the measuring rules.
    pub protocol_version: u32,
    /// Groups the attempts at one measurement.
    pub attempt_group: String,
    /// 1 for the first attempt; more only after a learned adaptation.
    pub attempt: u32,
    /// Adaptations in force for this request (`omit_temperature`, …).
    pub adaptations: Vec<String>,
    /// Routed providers: who carried the request.
    pub transport_provider: Option<String>,
    /// Routed providers: who really served it.
    pub observed_provider: Option<String>,
    /// Routed providers: which endpoint.
    pub route_endpoint_tag: Option<String>,
    /// Routed providers: which weights.
    pub quantization: Option<String>,
    /// The service tier that the answer names.
    pub service_tier: Option<String>,
    /// The provider's own clock, in seconds, under the provider's own names; null where it gives none.
    pub provider_timing: Option<Map<String, Value>>,
    /// Which program measured: `llmbench/0.1.0`.
    pub measured_by: String,
    /// The catalog's request metadata for the model, verbatim.
    pub misc: Map<String, Value>,
    /// Fields of other writers and of later versions.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}
