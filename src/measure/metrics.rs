//! The table of metrics: statistics, JSON keys, gates and table columns are all derived from its rows. The figures of
//! a run themselves are defined in `measure::timeline`.

use crate::domain::Run;
use crate::domain::run::Quality;
use serde_json::{Map, Value};

/// Unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    /// Tokens per second.
    Rate,
    Count,
}

impl Unit {
    /// The word in machine-readable output: `seconds`, `tokens_per_second`, `count`.
    pub fn as_str(self) -> &'static str {
        match self {
            Unit::Seconds => "seconds",
            Unit::Rate => "tokens_per_second",
            Unit::Count => "count",
        }
    }
}

/// The direction in which a figure improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BetterDirection {
    /// Less is better: delays.
    Lower,
    /// More is better: rates.
    Higher,
    /// Neither: a count that explains other figures.
    Neither,
}

/// The section in which a metric is displayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricSection {
    /// Always displayed.
    Figures,
    /// With `-v`, among the figures.
    MoreFigures,
    /// With `-v`, as a phase of the exchange.
    Phases,
    /// With `-v`, beside the provider's own clock.
    Provider,
    /// With `-v`, as the client's effect on the sample.
    Quality,
}

/// The part of a run that a metric describes: a time that the client moved spoils the metrics of its part alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunPart {
    /// Up to the first token.
    First,
    /// From the first token to the last.
    Decode,
    Whole,
}

/// One metric of a successful run.
#[derive(Debug)]
pub struct Metric {
    /// The name in JSON and in gates.
    pub key: &'static str,
    /// The name in tables.
    pub title: &'static str,
    /// The name in tables of narrow terminals; at most 11 characters.
    pub short: &'static str,
    pub unit: Unit,
    pub better: BetterDirection,
    pub section: MetricSection,
    pub part: RunPart,
    /// Reads its value from one run; `None` if the run does not have it.
    pub read: fn(&Run) -> Option<f64>,
}

const fn seconds(
    section: MetricSection,
    key: &'static str,
    title: &'static str,
    short: &'static str,
    read: fn(&Run) -> Option<f64>,
) -> Metric {
    Metric {
        key,
        title,
        short,
        unit: Unit::Seconds,
        better: BetterDirection::Lower,
        section,
        part: RunPart::Whole,
        read,
    }
}

const fn rate(
    key: &'static str,
    title: &'static str,
    short: &'static str,
    read: fn(&Run) -> Option<f64>,
) -> Metric {
    Metric {
        key,
        title,
        short,
        unit: Unit::Rate,
        better: BetterDirection::Higher,
        section: MetricSection::Figures,
        part: RunPart::Whole,
        read,
    }
}

const fn count(
    key: &'static str,
    title: &'static str,
    short: &'static str,
    read: fn(&Run) -> Option<f64>,
) -> Metric {
    Metric {
        key,
        title,
        short,
        unit: Unit::Count,
        better: BetterDirection::Neither,
        section: MetricSection::MoreFigures,
        part: RunPart::Whole,
        read,
    }
}

const fn first(metric: Metric) -> Metric {
    Metric { part: RunPart::First, ..metric }
}

const fn decode(metric: Metric) -> Metric {
    Metric { part: RunPart::Decode, ..metric }
}

impl Metric {
    /// True if a sample of this quality is left out of the metric. Doubts that are not about a time concern them all.
    pub fn leaves_out(&self, quality: &Quality) -> bool {
        let (first, decode) = (quality.ttft_suspect, quality.decode_suspect);
        match self.part {
            RunPart::First => first || (quality.suspect && !decode),
            RunPart::Decode => decode || (quality.suspect && !first),
            RunPart::Whole => quality.suspect,
        }
    }
}

pub const METRIC_COUNT: usize = 29;

/// Every metric, in display order.
pub static METRICS: [Metric; METRIC_COUNT] = {
    use MetricSection::{Figures, MoreFigures, Phases, Provider, Quality};
    [
        first(seconds(Figures, "ttft", "TTFT", "TTFT", |r| r.speeds.time_to_first_token)),
        first(seconds(Figures, "ttfrt", "first reasoning token", "reasoning", |r| {
            r.speeds.time_to_first_reasoning_token
        })),
        decode(seconds(Figures, "itl", "inter-token latency", "inter-token", |r| {
            r.speeds.inter_token_latency
        })),
        rate("tps", "tokens/s, end to end", "tok/s", |r| Some(r.speeds.tokens_per_second)),
        rate("visible_tps", "tokens/s, visible", "tok/s vis.", |r| r.speeds.visible_tokens_per_second),
        decode(rate("decode_tps", "tokens/s, decode", "tok/s dec.", |r| r.speeds.decode_tokens_per_second)),
        seconds(Figures, "total", "total", "total", |r| Some(r.speeds.generate_time)),
        seconds(MoreFigures, "time_to_64", "64th visible token", "64th token", |r| {
            r.speeds.time_to_64_visible_tokens_seconds
        }),
        decode(seconds(MoreFigures, "chunk_gap", "median chunk gap", "chunk gap", median_gap)),
        decode(seconds(MoreFigures, "max_stall", "longest stall", "stall", |r| r.speeds.max_stall_seconds)),
        first(seconds(MoreFigures, "ttft_beyond_rtt", "TTFT beyond round trip", "beyond RTT", |r| {
            r.speeds.ttft_beyond_rtt
        })),
        first(seconds(
            MoreFigures,
            "ttft_from_schedule",
            "TTFT from schedule",
            "TTFT sched.",
            ttft_from_schedule,
        )),
        count("tokens", "output tokens", "tokens", |r| as_number(r.tokens.output_tokens)),
        count("visible_tokens", "visible tokens", "visible", |r| as_number(r.tokens.visible_output_tokens)),
        count("reasoning_tokens", "reasoning tokens", "reasoned", |r| as_number(r.tokens.reasoning_tokens)),
        count("cached_input_tokens", "cached prompt tokens", "cached", |r| {
            as_number(r.tokens.cached_input_tokens)
        }),
        seconds(Phases, "dns", "DNS done", "DNS", |r| r.phases.dns_seconds),
        seconds(Phases, "connect", "TCP and TLS done", "connected", |r| r.phases.connect_seconds),
        seconds(Phases, "tls", "of this TLS", "of this TLS", |r| r.phases.tls_seconds),
        seconds(Phases, "sent", "request sent", "sent", |r| r.phases.sent_seconds),
        seconds(Phases, "network_rtt", "network round trip", "round trip", |r| r.carrier.network_rtt_seconds),
        first(seconds(Phases, "headers", "headers", "headers", |r| r.phases.headers_seconds)),
        first(seconds(Phases, "first_event", "first event", "first event", |r| r.phases.first_event_seconds)),
        first(seconds(Provider, "provider_ttft", "TTFT, provider's clock", "theirs", provider_ttft)),
        first(seconds(Provider, "ttft_beyond_provider", "first token, difference", "difference", |r| {
            Some(first_token(r)? - provider_ttft(r)?)
        })),
        seconds(Quality, "dispatch_delay", "dispatch delay", "dispatch", |r| {
            Some(r.quality.dispatch_delay_seconds)
        }),
        seconds(Quality, "loop_lag", "loop lag", "loop lag", |r| Some(r.quality.loop_lag_seconds)),
        seconds(Quality, "kernel_lag", "read after kernel", "read late", |r| r.quality.kernel_lag_seconds),
        seconds(Quality, "clock_step", "wall clock step", "clock step", |r| {
            Some(r.quality.wall_clock_step_seconds.abs())
        }),
    ]
};

/// The index of a metric in [`METRICS`], by key.
pub fn position(key: &str) -> Option<usize> {
    METRICS.iter().position(|metric| metric.key == key)
}

fn as_number(count: Option<u64>) -> Option<f64> {
    count.map(|count| count as f64)
}

/// The median gap between visible chunks of one run: the usual gap, as opposed to `max_stall`, the longest one.
fn median_gap(run: &Run) -> Option<f64> {
    let mut gaps = run.speeds.times_between_tokens.clone();
    if gaps.is_empty() {
        return None;
    }
    let middle = gaps.len() / 2;
    Some(*gaps.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// TTFT counted from the scheduled start: without it, a client that falls behind looks fast.
fn ttft_from_schedule(run: &Run) -> Option<f64> {
    Some(run.quality.dispatch_delay_seconds + run.speeds.time_to_first_token?)
}

/// The time to the first token of either kind, because a provider's clock does not tell reasoning from visible text.
/// `None` if reasoning came first and was not shown, because its time is then unknown.
fn first_token(run: &Run) -> Option<f64> {
    let hidden = run.tokens.reasoning_tokens.is_some_and(|tokens| tokens > 0);
    let visible = run.speeds.time_to_first_token;
    match run.speeds.time_to_first_reasoning_token {
        Some(reasoning) => Some(visible.map_or(reasoning, |visible| visible.min(reasoning))),
        None => visible.filter(|_| !hidden),
    }
}

/// The provider's own time to the first token, in seconds. Fireworks reports it (`perf_metrics`); Bedrock's is
/// `firstByteLatency`; Groq's and Cerebras' is queue plus prompt (their totals differ: Groq's leaves the queue out);
/// llama.cpp's `prompt` lasts until the first token is drawn, without the wait for a slot.
fn provider_ttft(run: &Run) -> Option<f64> {
    let timing = run.provider_timing.as_ref()?;
    let named = ["server-time-to-first-token", "firstByteLatency", "time_to_first_token", "prompt"];
    named.iter().find_map(|name| number(timing, name)).or_else(|| {
        let prompt = number(timing, "prompt_time")?;
        Some(prompt + number(timing, "queue_time").unwrap_or(0.0))
    })
}

fn number(timing: &Map<String, Value>, name: &str) -> Option<f64> {
    timing.get(name)?.as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testing::run;
    use serde_json::json;

    #[test]
    fn keys_are_unique_and_short_names_fit() {
        for (place, metric) in METRICS.iter().enumerate() {
            assert_eq!(position(metric.key), Some(place));
            assert!(metric.short.chars().count() <= 11, "{}", metric.short);
        }
    }

    #[test]
    fn a_doubtful_time_is_left_out_of_its_own_metrics() {
        let left_out = |ttft_suspect, decode_suspect, suspect| {
            let quality = Quality { suspect, ttft_suspect, decode_suspect, ..Quality::default() };
            ["ttft", "itl", "tps"].map(|key| METRICS[position(key).unwrap()].leaves_out(&quality))
        };
        assert_eq!(left_out(false, false, false), [false, false, false]);
        assert_eq!(left_out(true, false, true), [true, false, true]);
        assert_eq!(left_out(false, true, true), [false, true, true]);
        assert_eq!(left_out(true, true, true), [true, true, true]);
        assert_eq!(left_out(false, false, true), [true, true, true]);
    }

    #[test]
    fn delay_is_part_of_what_the_schedule_sees() {
        let mut late = run("groq", "m", 0.2);
        late.quality.dispatch_delay_seconds = 1.5;
        assert_eq!(ttft_from_schedule(&late), Some(1.7));
        late.speeds.time_to_first_token = None;
        assert_eq!(ttft_from_schedule(&late), None);
    }

    #[test]
    fn the_providers_clock_is_found_under_its_own_names() {
        let with = |timing: Value| {
            let mut run = run("any", "m", 0.5);
            run.provider_timing = timing.as_object().cloned();
            provider_ttft(&run)
        };
        assert_eq!(with(json!({"queue_time": 0.25, "prompt_time": 0.5, "total_time": 3.0})), Some(0.75));
        assert_eq!(with(json!({"prompt_time": 0.5})), Some(0.5));
        assert_eq!(with(json!({"server-time-to-first-token": 0.125})), Some(0.125));
        assert_eq!(with(json!({"prompt": 0.25, "predicted": 1.5})), Some(0.25));
        assert_eq!(with(json!({"latencyMs": 2.0})), None);
        assert_eq!(with(Value::Null), None);
    }

    #[test]
    fn the_difference_of_the_clocks_is_that_of_the_first_token_of_either_kind() {
        let mut run = run("any", "m", 0.5);
        (run.speeds.time_to_first_reasoning_token, run.tokens.reasoning_tokens) = (None, None);
        assert_eq!(first_token(&run), Some(0.5));
        run.tokens.reasoning_tokens = Some(9);
        assert_eq!(first_token(&run), None);
        run.speeds.time_to_first_reasoning_token = Some(0.2);
        assert_eq!(first_token(&run), Some(0.2));
        run.speeds.time_to_first_reasoning_token = Some(0.7);
        assert_eq!(first_token(&run), Some(0.5));
    }

    #[test]
    fn the_median_gap_is_not_moved_by_one_stall() {
        let mut stalled = run("any", "m", 0.5);
        stalled.speeds.times_between_tokens = vec![0.01, 9.0, 0.02];
        assert_eq!(median_gap(&stalled), Some(0.02));
        stalled.speeds.times_between_tokens.clear();
        assert_eq!(median_gap(&stalled), None);
    }
}
