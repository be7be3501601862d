//! One successful attempt with all its figures: a document of `metrics_cloud_v2` or `metrics_cloud_probe`, with the
//! field names of the data contract. `measure::timeline` computes the figures.

use crate::domain::Failure;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One attempt, one outcome, one row.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Tokens came and the stream ended normally.
    Success(Box<Run>),
    /// Any other outcome. Its tokens are never a sample.
    Failure(Box<Failure>),
}

impl Outcome {
    /// The attempt's id; a store keeps at most one row for it.
    pub fn id(&self) -> &str {
        match self {
            Outcome::Success(run) => &run.id,
            Outcome::Failure(failure) => &failure.id,
        }
    }
}

/// The type of connection: the measured time includes DNS, TCP and TLS (`cold`), or a connection was open (`warm`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// A connection opened within the measured time.
    Cold,
    /// A connection opened before t0.
    Warm,
}

/// Token counts. Output counts include reasoning (`output_tokens` = `generated_output_tokens`); null if unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tokens {
    /// Generated tokens, reasoning included.
    pub output_tokens: Option<u64>,
    /// The same number under its newer name.
    pub generated_output_tokens: Option<u64>,
    pub visible_output_tokens: Option<u64>,
    /// Tokens of reasoning, if the provider counts them.
    pub reasoning_tokens: Option<u64>,
    /// Prompt tokens, cached ones included.
    pub input_tokens: Option<u64>,
    /// Prompt tokens that were served from a cache.
    pub cached_input_tokens: Option<u64>,
    pub total_tokens: Option<u64>,
    /// The source of the counts: `provider_usage_completion_tokens`, `provider_usage_output_tokens`,
    /// `tiktoken_visible_text`, …; ends with `_split_by_tiktoken` if a tokenizer separated visible text from
    /// reasoning.
    pub token_source: String,
}

/// Speeds and gaps, all in seconds or tokens per second; null if not observed. Defined in `measure::timeline`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Speeds {
    /// End of the answer − t0, seconds, > 0.
    pub generate_time: f64,
    /// Generated tokens / generate_time: includes reasoning and waiting.
    pub tokens_per_second: f64,
    /// The same number under its newer name.
    pub generated_tokens_per_second: Option<f64>,
    /// Visible tokens / generate_time.
    pub visible_tokens_per_second: Option<f64>,
    /// Tokens after the first arrival group / time from that group to the last visible token.
    pub decode_tokens_per_second: Option<f64>,
    /// t0 to the first visible text; null if none, never 0.
    pub time_to_first_token: Option<f64>,
    /// t0 to the first reasoning text.
    pub time_to_first_reasoning_token: Option<f64>,
    /// True if `time_to_first_token` is a number.
    pub ttft_available: bool,
    /// Gaps between visible *chunks* (not tokens), in order.
    pub times_between_tokens: Vec<f64>,
    /// The reciprocal: that time / those tokens.
    pub inter_token_latency: Option<f64>,
    /// t0 to the 64th visible token; null if there were fewer.
    pub time_to_64_visible_tokens_seconds: Option<f64>,
    /// TTFT − round trip time; null if one of them is unknown, or if it would be negative.
    pub ttft_beyond_rtt: Option<f64>,
    /// The largest gap between visible chunks.
    pub max_stall_seconds: Option<f64>,
}

/// End of each phase, seconds from t0; null if it did not happen within the measured time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    pub dns_seconds: Option<f64>,
    /// DNS, TCP, the proxy and TLS done: subtract it from a cold TTFT to compare with a warm one.
    pub connect_seconds: Option<f64>,
    /// Time from TCP connected to the proxy's answer to CONNECT, as a duration within `connect_seconds`; null without
    /// a proxy.
    pub proxy_seconds: Option<f64>,
    /// Time of TLS alone, as a duration within `connect_seconds`.
    pub tls_seconds: Option<f64>,
    /// Time at which the request's last byte was handed to the kernel.
    pub sent_seconds: Option<f64>,
    /// Time at which the request's last byte left this machine, by the kernel's stamp; null where it gives none.
    pub transmitted_seconds: Option<f64>,
    /// Time at which the answer's head was complete.
    pub headers_seconds: Option<f64>,
    /// Time of the first event of the stream, whatever its content.
    pub first_event_seconds: Option<f64>,
    /// Time of the last visible text.
    pub last_visible_seconds: Option<f64>,
}

/// The connection that carried the request, and the effort to open it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionInfo {
    /// The address that answered, or the proxy's address if there is one; null if none answered.
    pub connect_address: Option<String>,
    /// The proxy for the connection, `host:port`; null without one. Rows with a proxy are never published.
    pub proxy: Option<String>,
    /// Number of the host's addresses dialled within the measured time; null if a connection was open before.
    pub connect_attempts: Option<u64>,
    /// Round trip time to that address, seconds: on a cold connection that of the TCP handshake, on a warm one the
    /// kernel's smoothed estimate at t0. Null if the kernel does not tell.
    pub network_rtt_seconds: Option<f64>,
    /// Number of kept connections that turned out to be closed when this request was first sent; each time it was
    /// measured again on another one, with a new t0.
    pub reconnects: u64,
}

/// The granularity of the stream, which decides if generation can be timed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamShape {
    /// `token` (about one token per arrival group), `coarse` (several), `burst` (too few groups to time decoding).
    pub stream_resolution: Option<String>,
    /// Number of chunks with visible text.
    pub visible_stream_chunks: u64,
    /// The most tokens in one chunk, if the provider reports it or it follows from the share of text.
    pub max_tokens_per_chunk: Option<u64>,
}

/// The client's influence on the sample, so that every figure can be checked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// True if a time, a count or the text is in doubt; such a row is kept out of the published series.
    pub suspect: bool,
    /// The reasons, one sentence each; empty if not suspect.
    pub suspect_reasons: Vec<String>,
    /// True if the client may have moved the time to first token.
    #[serde(default)]
    pub ttft_suspect: bool,
    /// True if the client may have moved the pace of the tokens.
    #[serde(default)]
    pub decode_suspect: bool,
    /// The clock that stamped the answer: `kernel`, `read` (the moment at which a read returned), `mixed`; null if no
    /// byte of it came.
    #[serde(default)]
    pub clock_source: Option<String>,
    /// Time from the kernel's stamp of the first visible token to the read that brought it, seconds; null without such
    /// a stamp.
    #[serde(default)]
    pub kernel_lag_seconds: Option<f64>,
    /// The longest such time of all reads of the answer, seconds.
    #[serde(default)]
    pub kernel_lag_max_seconds: Option<f64>,
    /// The largest delay of the measuring thread's loop during the run, seconds.
    pub loop_lag_seconds: f64,
    /// From the scheduled start of the request to t0, seconds. Open loop: schedule; closed loop: queue.
    pub dispatch_delay_seconds: f64,
    /// Change of wall clock minus monotonic clock over the run, seconds: a step of the wall clock.
    pub wall_clock_step_seconds: f64,
}

/// One successful attempt. Serialises to the data contract's document; unknown fields are kept in `extra`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The attempt's id (a ULID); `_id` in MongoDB.
    #[serde(rename = "_id")]
    pub id: String,
    pub provider: String,
    /// The provider's id for the model, case-sensitive.
    pub model_name: String,
    /// Start of the run (t0), UTC, milliseconds.
    pub run_ts: DateTime<Utc>,
    /// End of the generation, UTC, milliseconds.
    pub gen_ts: DateTime<Utc>,
    /// The temperature of the profile, even if the model does not accept one (as the Python runner stored it).
    pub temperature: Option<f64>,
    pub requested_tokens: u64,
    /// The output budget that was sent.
    pub max_output_tokens_attempted: u64,
    #[serde(flatten)]
    pub tokens: Tokens,
    #[serde(flatten)]
    pub speeds: Speeds,
    #[serde(flatten)]
    pub phases: Phases,
    #[serde(flatten)]
    pub stream: StreamShape,
    pub connection: Connection,
    #[serde(flatten)]
    pub carrier: ConnectionInfo,
    #[serde(flatten)]
    pub quality: Quality,
    /// Always 2 in this program.
    pub metrics_schema_version: u32,
    /// API and dialect of the request: `openai_responses_stream`, `groq_chat_completions_stream`, …
    pub request_mode: String,
    /// The reason why generation ended, in the provider's own term.
    pub finish_reason: Option<String>,
    pub response_id: Option<String>,
    /// The provider's id for the request, from the answer's head; its support asks for it.
    pub provider_request_id: Option<String>,
    /// The provider's status term (Responses API).
    pub response_status: Option<String>,
    /// The model that the provider reports to have served.
    pub response_model: Option<String>,
    pub reasoning_effort: Option<String>,
    /// Always `visible_nonzero`.
    pub validation_policy: String,
    /// Always false on a success.
    pub visible_text_empty: bool,
    /// `published`, `shadow`, `manual`, …; only `published` can reach the public collection.
    pub sample_role: String,
    pub benchmark_profile_id: String,
    /// Version of the measuring rules.
    pub protocol_version: u32,
    /// Version of the definitions of the figures: 2; rows without it have 1.
    #[serde(default)]
    pub definitions_version: Option<u32>,
    /// The calibration of the host that was the newest when the run was measured; null if there was none.
    #[serde(default)]
    pub calibration_id: Option<String>,
    /// Id shared by all attempts at one measurement.
    pub attempt_group: String,
    /// 1 for the first attempt; higher only after a learned adaptation.
    pub attempt: u32,
    /// Requests of this measurement so far, under the Python runner's name.
    #[serde(default)]
    pub attempts_count: u32,
    /// The pair of which the request is one half; null if it is of none.
    #[serde(default)]
    pub pair_id: Option<String>,
    /// 1 for the first request of the pair, 2 for the second.
    #[serde(default)]
    pub pair_position: Option<u32>,
    /// What the request cost by the prices of its time, US dollars; null where price or tokens are unknown.
    #[serde(default)]
    pub cost_usd: Option<f64>,
    /// The provider's word for the backend that answered: weights and serving software, as far as it tells them apart.
    #[serde(default)]
    pub system_fingerprint: Option<String>,
    /// Adaptations applied to this request (`omit_temperature`, …).
    pub adaptations: Vec<String>,
    /// The router that carried the request; null for direct providers.
    pub transport_provider: Option<String>,
    /// The provider that served it, as the answer names it.
    pub observed_provider: Option<String>,
    /// The endpoint that answered: `groq/direct`, `vertex/us-east5`, `deepinfra/fp4`; null if that is not certain.
    pub route_endpoint_tag: Option<String>,
    /// The reason why a pinned request has no tag: another provider answered.
    pub endpoint_mismatch: Option<String>,
    /// The stated quantization of that endpoint's weights, in lower case.
    pub quantization: Option<String>,
    /// The service tier named in the answer.
    pub service_tier: Option<String>,
    /// The provider's own timings, in seconds, under the provider's own names; null if it reports none.
    pub provider_timing: Option<Map<String, Value>>,
    /// Name and version of the measuring program: `llmbench/0.1.0`.
    pub measured_by: String,
    /// The catalog's request metadata for the model, verbatim.
    pub misc: Map<String, Value>,
    /// Fields of other writers and of later versions.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}
