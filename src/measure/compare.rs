//! What `results compare` compares: the figures of stored runs, and the circumstances under which runs are alike.
//! [`super::block_comparison`] has the arithmetic.

use super::metrics::{BetterDirection, Unit};

/// Circumstances of a run that move its figures. Runs are compared with runs of the same circumstances alone. A field is
/// `None` in rows that do not have it: a run that no bridge received has no runner.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunStratum {
    pub runner: Option<String>,
    pub profile: Option<String>,
    /// Either `cold` or `warm`.
    pub connection: Option<String>,
}

/// A figure of stored runs that can be compared.
#[derive(Debug, PartialEq)]
pub struct ComparedMetric {
    /// The name on the command line, that of [`super::metrics::METRICS`].
    pub key: &'static str,
    /// The name in JSON.
    pub name: &'static str,
    /// The row field that holds the figure.
    pub field: &'static str,
    /// The name in tables.
    pub title: &'static str,
    pub unit: Unit,
    pub better: BetterDirection,
}

/// Every figure, in display order.
pub const FIGURES: [ComparedMetric; 5] = [
    figure("ttft", "ttft", "time_to_first_token", "TTFT", Unit::Seconds),
    figure("tps", "tokens_per_second", "tokens_per_second", "tokens/s, end to end", Unit::Rate),
    figure(
        "visible_tps",
        "visible_tokens_per_second",
        "visible_tokens_per_second",
        "tokens/s, visible",
        Unit::Rate,
    ),
    figure("itl", "inter_token_latency", "inter_token_latency", "inter-token latency", Unit::Seconds),
    figure("total", "generate_time", "generate_time", "total", Unit::Seconds),
];

const fn figure(
    key: &'static str,
    name: &'static str,
    field: &'static str,
    title: &'static str,
    unit: Unit,
) -> ComparedMetric {
    let better = if matches!(unit, Unit::Seconds) { BetterDirection::Lower } else { BetterDirection::Higher };
    ComparedMetric { key, name, field, title, unit, better }
}
