//! Definitions of GuideLLM 0.8.1 (`guidellm benchmark`), all in `guidellm/schemas/base/request_stats.py`; its stamps are
//! those of `_resolve_streaming` in `guidellm/backends/openai/http.py`: an iteration is a line whose chunk has text of either
//! kind.
//! Names and units are those of its report; connections are kept.

use super::{DialectDefinition, DialectMetric, RequestStamps, milliseconds, of_request, one, pace};

pub(super) static DEFINITION: DialectDefinition =
    DialectDefinition { tool: "guidellm", version: "0.8.1", metrics: &METRICS };

static METRICS: [DialectMetric; 7] = [
    of_request("request_latency", "s", request_latency),
    of_request("time_to_first_token_ms", "ms", first_token),
    of_request("time_to_first_output_token_ms", "ms", first_output_token),
    of_request("time_per_output_token_ms", "ms", time_per_token),
    of_request("inter_token_latency_ms", "ms", inter_token_latency),
    of_request("output_tokens_per_second", "tokens/s", tokens_per_second),
    of_request("output_token_count", "tokens", token_count),
];

/// The answer's own count; without one, an iteration is taken for a token (`output_tokens`).
fn tokens(request: &RequestStamps<'_>) -> Option<u64> {
    let iterations = request.chunks.content.len() as u64;
    request.chunks.completion_tokens.or(Some(iterations)).filter(|tokens| *tokens > 0)
}

/// To the end of the answer, not to its last token (`request_latency`); seconds.
fn request_latency(request: &RequestStamps<'_>) -> Vec<f64> {
    vec![request.chunks.end.as_secs_f64()]
}

/// First iteration (`time_to_first_token_ms`).
fn first_token(request: &RequestStamps<'_>) -> Vec<f64> {
    one(request.chunks.content.first().copied().map(milliseconds))
}

/// First iteration whose text is no reasoning (`time_to_first_output_token_ms`).
fn first_output_token(request: &RequestStamps<'_>) -> Vec<f64> {
    one(request.chunks.visible.first().copied().map(milliseconds))
}

/// Last iteration / output tokens: the wait for the first token is in it (`time_per_output_token_ms`).
fn time_per_token(request: &RequestStamps<'_>) -> Vec<f64> {
    let last = request.chunks.content.last().copied().unwrap_or(request.chunks.end);
    one(tokens(request).map(|tokens| milliseconds(last) / tokens as f64))
}

/// (Last − first iteration) / (output tokens − 1) (`inter_token_latency_ms`).
fn inter_token_latency(request: &RequestStamps<'_>) -> Vec<f64> {
    one(tokens(request).and_then(|tokens| pace(&request.chunks.content, tokens)))
}

/// Output tokens / request latency, of each request (`output_tokens_per_second`). The figure of the same name in the
/// report's summary is another one: tokens per second of the whole run.
fn tokens_per_second(request: &RequestStamps<'_>) -> Vec<f64> {
    let seconds = request.chunks.end.as_secs_f64();
    one(tokens(request).filter(|_| seconds > 0.0).map(|tokens| tokens as f64 / seconds))
}

/// `output_tokens`.
fn token_count(request: &RequestStamps<'_>) -> Vec<f64> {
    one(tokens(request).map(|tokens| tokens as f64))
}
