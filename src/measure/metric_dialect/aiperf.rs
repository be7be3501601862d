//! Definitions of aiperf 0.13.0 (`aiperf profile --streaming`). A response with content is a chunk with text of either kind
//! or a call of a tool; the first one of either kind is the first token. Times begin with the request over a kept
//! connection and are in milliseconds, as its export writes them.

use super::DialectReading::Run;
use super::{
    DialectDefinition, DialectMetric, RequestStamps, gaps, milliseconds, of_request, one, output_throughput,
    pace, request_throughput,
};

pub(super) static DEFINITION: DialectDefinition =
    DialectDefinition { tool: "aiperf", version: "0.13.0", metrics: &METRICS };

static METRICS: [DialectMetric; 10] = [
    of_request("time_to_first_token", "ms", first_token),
    of_request("time_to_second_token", "ms", second_token),
    of_request("time_to_first_output_token", "ms", first_output_token),
    of_request("request_latency", "ms", request_latency),
    of_request("inter_token_latency", "ms", inter_token_latency),
    of_request("inter_chunk_latency", "ms", inter_chunk_latency),
    of_request("output_token_throughput_per_user", "tokens/sec/user", throughput_per_user),
    of_request("output_sequence_length", "tokens", sequence_length),
    DialectMetric { name: "output_token_throughput", unit: "tokens/sec", reading: Run(output_throughput) },
    DialectMetric { name: "request_throughput", unit: "requests/sec", reading: Run(request_throughput) },
];

/// First response with content (`aiperf/metrics/types/ttft_metric.py`).
fn first_token(request: &RequestStamps<'_>) -> Vec<f64> {
    one(request.chunks.content.first().copied().map(milliseconds))
}

/// From the first to the second response with content (`ttst_metric.py`).
fn second_token(request: &RequestStamps<'_>) -> Vec<f64> {
    one(gaps(&request.chunks.content).first().copied())
}

/// First response with content that is no reasoning (`time_to_first_output_token_metric.py`).
fn first_output_token(request: &RequestStamps<'_>) -> Vec<f64> {
    one(request.chunks.visible.first().copied().map(milliseconds))
}

/// Last response with content; chunks with a finish reason or with usage alone do not count
/// (`request_latency_metric.py`).
fn request_latency(request: &RequestStamps<'_>) -> Vec<f64> {
    one(request.chunks.content.last().copied().map(milliseconds))
}

/// (Request latency − time to first token) / (output sequence length − 1), without `--per-chunk-usage`
/// (`inter_token_latency_metric.py`).
fn inter_token_latency(request: &RequestStamps<'_>) -> Vec<f64> {
    one(request.tokens().and_then(|tokens| pace(&request.chunks.content, tokens)))
}

/// Gaps between responses with content, all of them (`inter_chunk_latency_metric.py`).
fn inter_chunk_latency(request: &RequestStamps<'_>) -> Vec<f64> {
    gaps(&request.chunks.content)
}

/// 1 / inter-token latency (`output_token_throughput_metrics.py`).
fn throughput_per_user(request: &RequestStamps<'_>) -> Vec<f64> {
    inter_token_latency(request)
        .into_iter()
        .filter(|latency| *latency > 0.0)
        .map(|latency| 1e3 / latency)
        .collect()
}

/// Output and reasoning tokens (`output_sequence_length_metric.py`): the answer's count, as with
/// `--use-server-token-count`; without that flag aiperf counts the text itself.
fn sequence_length(request: &RequestStamps<'_>) -> Vec<f64> {
    one(request.tokens().map(|tokens| tokens as f64))
}
