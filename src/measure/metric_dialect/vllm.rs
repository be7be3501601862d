//! Definitions of `vllm bench serve` (vLLM 0.11 and later, unchanged in the sources of November 2026): stamps in
//! `vllm/benchmarks/lib/endpoint_request_func.py` (`async_request_openai_chat_completions`), figures in
//! `vllm/benchmarks/serve.py` (`calculate_metrics`). Every chunk with a choice is a token there, the role and the finish
//! reason too: its TTFT ends with the first byte of a stream that opens with the role.
//!
//! Its result file writes `median_ttft_ms`, `p99_ttft_ms`, …: statistics before the names of this table.

use super::DialectReading::{Request, Run};
use super::{
    DialectDefinition, DialectMetric, RequestStamps, gaps, milliseconds, one, output_throughput, pace,
    request_throughput,
};

pub(super) static DEFINITION: DialectDefinition =
    DialectDefinition { tool: "vllm", version: "bench serve", metrics: &METRICS };

static METRICS: [DialectMetric; 6] = [
    metric("ttft_ms", first_token),
    metric("tpot_ms", time_per_token),
    metric("itl_ms", inter_token_latencies),
    metric("e2el_ms", latency),
    DialectMetric { name: "output_throughput", unit: "tokens/s", reading: Run(output_throughput) },
    DialectMetric { name: "request_throughput", unit: "requests/s", reading: Run(request_throughput) },
];

const fn metric(name: &'static str, read: fn(&RequestStamps<'_>) -> Vec<f64>) -> DialectMetric {
    DialectMetric { name, unit: "ms", reading: Request(read) }
}

/// First chunk with a choice (`output.ttft`).
fn first_token(request: &RequestStamps<'_>) -> Vec<f64> {
    one(request.chunks.choices.first().copied().map(milliseconds))
}

/// (Latency − TTFT) / (output tokens − 1) (`tpot`).
fn time_per_token(request: &RequestStamps<'_>) -> Vec<f64> {
    one(request.tokens().and_then(|tokens| pace(&request.chunks.choices, tokens)))
}

/// Gaps between chunks with a choice, all of them (`output.itl`).
fn inter_token_latencies(request: &RequestStamps<'_>) -> Vec<f64> {
    gaps(&request.chunks.choices)
}

/// Last chunk with a choice (`output.latency`).
fn latency(request: &RequestStamps<'_>) -> Vec<f64> {
    one(request.chunks.choices.last().copied().map(milliseconds))
}
