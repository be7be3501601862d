//! The metrics of other load generators, computed from our stamps: for people who must compare figures across tools. A
//! dialect is a table of metrics under that tool's own names and units; each definition names the tool's file. Only the
//! definitions are theirs: what is sent, when, and how an arrival is stamped stays llmbench's.
//!
//! The tools read Chat Completions and Completions; an answer in another wire format has no figures in any dialect.

mod aiperf;
pub mod chunk_times;
mod guidellm;
mod tally;
#[cfg(test)]
mod testing;
mod vllm;

pub use chunk_times::ChunkTimes;
pub use tally::{DialectCollector, DialectFigures, DialectReport, RunTotals};

use std::time::Duration;

/// A load generator whose definitions are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricDialect {
    Aiperf,
    Guidellm,
    Vllm,
}

/// A load generator: the version whose definitions are meant, and its metrics.
#[derive(Debug)]
pub struct DialectDefinition {
    pub tool: &'static str,
    pub version: &'static str,
    pub metrics: &'static [DialectMetric],
}

/// A metric under the tool's own name.
#[derive(Debug)]
pub struct DialectMetric {
    pub name: &'static str,
    /// The tool's word for the unit.
    pub unit: &'static str,
    pub reading: DialectReading,
}

/// A metric that each request has.
const fn of_request(
    name: &'static str,
    unit: &'static str,
    read: fn(&RequestStamps<'_>) -> Vec<f64>,
) -> DialectMetric {
    DialectMetric { name, unit, reading: DialectReading::Request(read) }
}

/// How a metric follows from the stamps, in its own unit.
#[derive(Debug, Clone, Copy)]
pub enum DialectReading {
    /// The values of one request: none, one, or one for each gap.
    Request(fn(&RequestStamps<'_>) -> Vec<f64>),
    /// The one value of all requests to a model; `None` without any.
    Run(fn(&RunTotals) -> Option<f64>),
}

/// One request, as these tools look at it.
#[derive(Debug, Clone, Copy)]
pub struct RequestStamps<'a> {
    pub chunks: &'a ChunkTimes,
    /// Output tokens as llmbench counts them, where the answer reports none.
    pub counted_tokens: Option<u64>,
}

impl MetricDialect {
    pub fn definition(self) -> &'static DialectDefinition {
        match self {
            Self::Aiperf => &aiperf::DEFINITION,
            Self::Guidellm => &guidellm::DEFINITION,
            Self::Vllm => &vllm::DEFINITION,
        }
    }
}

impl RequestStamps<'_> {
    /// Output tokens, reasoning included: the answer's own count, else ours.
    fn tokens(&self) -> Option<u64> {
        self.chunks.completion_tokens.or(self.counted_tokens)
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Gaps between neighbours, milliseconds.
fn gaps(times: &[Duration]) -> Vec<f64> {
    times.windows(2).map(|pair| milliseconds(pair[1].saturating_sub(pair[0]))).collect()
}

/// The time from the first moment to the last, in milliseconds, shared among all tokens but one; `None` below two tokens.
fn pace(times: &[Duration], tokens: u64) -> Option<f64> {
    let (first, last) = (times.first()?, times.last()?);
    (tokens > 1).then(|| milliseconds(last.saturating_sub(*first)) / (tokens - 1) as f64)
}

fn one(value: Option<f64>) -> Vec<f64> {
    value.into_iter().collect()
}

/// Output tokens of all answers / the time from the first request to the end of the last answer.
fn output_throughput(totals: &RunTotals) -> Option<f64> {
    totals.per_second(totals.output_tokens)
}

fn request_throughput(totals: &RunTotals) -> Option<f64> {
    totals.per_second(totals.requests)
}

#[cfg(test)]
mod tests {
    use super::testing::{CHAT, figures, recording};
    use super::*;

    /// The stream of `CHAT`: a role at 100 ms, reasoning at 200, text at 300, 320 and 340, a token without text at 345, the
    /// finish reason at 350, usage of 5 tokens at 360, the end at 400.
    fn of(dialect: MetricDialect) -> Vec<(&'static str, Vec<f64>)> {
        figures(dialect, &ChunkTimes::of(&recording(CHAT)).unwrap())
    }

    fn assert_close(found: &[(&str, Vec<f64>)], wanted: &[(&str, &[f64])]) {
        assert_eq!(found.len(), wanted.len(), "{found:?}");
        for ((name, values), (wanted_name, wanted)) in found.iter().zip(wanted) {
            assert_eq!((name, values.len()), (wanted_name, wanted.len()), "{values:?}");
            let close = values.iter().zip(*wanted).all(|(value, wanted)| (value - wanted).abs() < 1e-9);
            assert!(close, "{name}: {values:?}, not {wanted:?}");
        }
    }

    #[test]
    fn aiperf_counts_from_the_first_content_to_the_last() {
        assert_close(
            &of(MetricDialect::Aiperf),
            &[
                ("time_to_first_token", &[200.0]),
                ("time_to_second_token", &[100.0]),
                ("time_to_first_output_token", &[300.0]),
                ("request_latency", &[340.0]),
                ("inter_token_latency", &[35.0]),
                ("inter_chunk_latency", &[20.0, 20.0, 100.0]),
                ("output_token_throughput_per_user", &[1e3 / 35.0]),
                ("output_sequence_length", &[5.0]),
                ("output_token_throughput", &[12.5]),
                ("request_throughput", &[2.5]),
            ],
        );
    }

    #[test]
    fn guidellm_ends_with_the_answer() {
        assert_close(
            &of(MetricDialect::Guidellm),
            &[
                ("request_latency", &[0.4]),
                ("time_to_first_token_ms", &[200.0]),
                ("time_to_first_output_token_ms", &[300.0]),
                ("time_per_output_token_ms", &[340.0 / 5.0]),
                ("inter_token_latency_ms", &[35.0]),
                ("output_tokens_per_second", &[12.5]),
                ("output_token_count", &[5.0]),
            ],
        );
    }

    #[test]
    fn for_vllm_a_token_without_text_is_one_and_a_role_is_none() {
        assert_close(
            &of(MetricDialect::Vllm),
            &[
                ("ttft_ms", &[200.0]),
                ("tpot_ms", &[36.25]),
                ("itl_ms", &[5.0, 20.0, 20.0, 100.0]),
                ("e2el_ms", &[345.0]),
                ("output_throughput", &[12.5]),
                ("request_throughput", &[2.5]),
            ],
        );
    }

    #[test]
    fn what_an_answer_does_not_have_is_in_no_figure() {
        let role_alone = &[(100, r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#)];
        let chunks = ChunkTimes::of(&recording(role_alone)).unwrap();
        let named = |dialect, name: &str| {
            figures(dialect, &chunks).into_iter().find(|(found, _)| *found == name).unwrap().1
        };
        assert_eq!(named(MetricDialect::Aiperf, "time_to_first_token"), [0.0; 0]);
        assert_eq!(named(MetricDialect::Guidellm, "inter_token_latency_ms"), [0.0; 0]);
        assert_eq!(named(MetricDialect::Vllm, "tpot_ms"), [0.0; 0]);
        assert_eq!(named(MetricDialect::Guidellm, "request_latency"), [0.1]);
    }

    #[test]
    fn names_are_unique_within_a_dialect() {
        for dialect in [MetricDialect::Aiperf, MetricDialect::Guidellm, MetricDialect::Vllm] {
            let mut names: Vec<_> = dialect.definition().metrics.iter().map(|metric| metric.name).collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }
}
