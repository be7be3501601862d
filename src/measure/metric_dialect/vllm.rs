//! Definitions of `vllm bench serve` of vLLM 0.33.0: stamps in `vllm/benchmarks/lib/endpoint_request_func.py`
//! (`async_request_openai_chat_completions`, `_choice_has_streamed_output`), figures in `vllm/benchmarks/serve.py`
//! (`calculate_metrics`). A chunk with output is a token there, and so is one with an empty text and no role. Older versions,
//! 0.11.0 among them, took every chunk with a choice for one: their TTFT ended with the role.
//!
//! Its result file writes `median_ttft_ms`, `p99_ttft_ms`, …: statistics before the names of this table.

use super::DialectReading::Run;
use super::{
    DialectDefinition, DialectMetric, RequestStamps, gaps, milliseconds, of_request, one, output_throughput,
    pace, request_throughput,
};

pub(super) static DEFINITION: DialectDefinition =
    DialectDefinition { tool: "vllm", version: "0.33.0", metrics: &METRICS };

static METRICS: [DialectMetric; 6] = [
    metric("ttft_ms", first_token),
    metric("tpot_ms", time_per_token),
    metric("itl_ms", inter_token_latencies),
    metric("e2el_ms", latency),
    DialectMetric { name: "output_throughput", unit: "tokens/s", reading: Run(output_throughput) },
    DialectMetric { name: "request_throughput", unit: "requests/s", reading: Run(request_throughput) },
];

const fn metric(name: &'static str, read: fn(&RequestStamps<'_>) -> Vec<f64>) -> DialectMetric {
    of_request(name, "ms", read)
}

/// First token (`output.ttft`).
fn first_token(request: &RequestStamps<'_>) -> Vec<f64> {
    one(request.chunks.tokens.first().copied().map(milliseconds))
}

/// (Latency − TTFT) / (output tokens − 1) (`tpot`).
fn time_per_token(request: &RequestStamps<'_>) -> Vec<f64> {
    one(request.tokens().and_then(|tokens| pace(&request.chunks.tokens, tokens)))
}

/// Gaps between tokens, all of them (`output.itl`).
fn inter_token_latencies(request: &RequestStamps<'_>) -> Vec<f64> {
    gaps(&request.chunks.tokens)
}

/// Last token (`output.latency`).
fn latency(request: &RequestStamps<'_>) -> Vec<f64> {
    one(request.chunks.tokens.last().copied().map(milliseconds))
}
