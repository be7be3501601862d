//! Thresholds that make an invocation fail: `ttft_p95>2s` trips if the 95th percentile of the TTFT is above two
//! seconds. Pure; the command decides how a tripped gate affects the exit status.
//!
//! A gate is a subject, one of `>`, `>=`, `<`, `<=`, and a number with a unit. Subjects are `METRIC_STATISTIC` for
//! every metric of [`METRICS`] and every statistic (`min`, `mean`, any `pNN`, `max`, `n`), and the counts in
//! [`GateSubject`]. A gate without data trips too: a check that could not be made must not pass.

use crate::domain::ModelRef;
use crate::measure::metrics::{METRICS, Metric};
use crate::measure::report::{ModelReport, Report};
use crate::measure::stats::Statistic;
use std::fmt;

mod parse;

pub use parse::GateError;

/// The value that a gate checks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GateSubject {
    /// A statistic of a metric; the number is the metric's index in [`METRICS`].
    Figure(usize, Statistic),
    /// `error_rate`: failures / attempts.
    ErrorRate,
    /// `failures`: attempts that failed.
    Failures,
    /// `successes`: attempts that succeeded.
    Successes,
    /// `suspects`: successes measured by a starved client.
    Suspects,
}

const COUNTS: [(&str, GateSubject); 4] = [
    ("error_rate", GateSubject::ErrorRate),
    ("failures", GateSubject::Failures),
    ("successes", GateSubject::Successes),
    ("suspects", GateSubject::Suspects),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparisonOp {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// Longer signs first, so that `>=` is not read as `>`.
const COMPARISONS: [(&str, ComparisonOp); 4] = [
    (">=", ComparisonOp::AtLeast),
    ("<=", ComparisonOp::AtMost),
    (">", ComparisonOp::Above),
    ("<", ComparisonOp::Below),
];

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    subject: GateSubject,
    comparison: ComparisonOp,
    /// The number as it was written, for display.
    number: f64,
    unit: &'static str,
    /// In seconds, tokens per second, a share of 1, or a plain number.
    threshold: f64,
}

impl GateSubject {
    /// The metric and its statistic, if the subject is one.
    pub fn metric(self) -> Option<(&'static Metric, Statistic)> {
        match self {
            GateSubject::Figure(place, statistic) => Some((&METRICS[place], statistic)),
            _ => None,
        }
    }

    fn observe(self, report: &ModelReport) -> Option<f64> {
        match self {
            GateSubject::Figure(place, statistic) => statistic.of_sorted(&report.figures[place].sorted),
            GateSubject::ErrorRate => report.error_rate(),
            GateSubject::Failures => Some(report.failed() as f64),
            GateSubject::Successes => Some(report.successes as f64),
            GateSubject::Suspects => Some(report.suspects as f64),
        }
    }
}

impl fmt::Display for GateSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((metric, statistic)) = self.metric() {
            return write!(f, "{}_{statistic}", metric.key);
        }
        let name = COUNTS.iter().find(|(_, subject)| subject == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = COMPARISONS.iter().find(|(_, is)| *is == self.comparison).map_or("", |(sign, _)| sign);
        write!(f, "{}{sign}{}{}", self.subject, self.number, self.unit)
    }
}

/// The result of checking a gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GateVerdict {
    /// The condition does not hold for this value.
    Passed(f64),
    /// The condition holds for this value.
    Tripped(f64),
    /// There was no value; counts as tripped.
    NoData,
}

impl GateVerdict {
    /// True if the invocation fails because of it.
    pub fn trips(self) -> bool {
        !matches!(self, GateVerdict::Passed(_))
    }

    /// The observed value, in base units.
    pub fn observed(self) -> Option<f64> {
        match self {
            GateVerdict::Passed(value) | GateVerdict::Tripped(value) => Some(value),
            GateVerdict::NoData => None,
        }
    }

    /// `passed`, `tripped` or `no_data`.
    pub fn as_str(self) -> &'static str {
        match self {
            GateVerdict::Passed(_) => "passed",
            GateVerdict::Tripped(_) => "tripped",
            GateVerdict::NoData => "no_data",
        }
    }
}

impl Gate {
    pub fn subject(&self) -> GateSubject {
        self.subject
    }

    /// The threshold in seconds, tokens per second, a share of 1, or a plain number.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    pub fn check(&self, report: &ModelReport) -> GateVerdict {
        let Some(value) = self.subject.observe(report) else { return GateVerdict::NoData };
        let holds = match self.comparison {
            ComparisonOp::Above => value > self.threshold,
            ComparisonOp::AtLeast => value >= self.threshold,
            ComparisonOp::Below => value < self.threshold,
            ComparisonOp::AtMost => value <= self.threshold,
        };
        if holds { GateVerdict::Tripped(value) } else { GateVerdict::Passed(value) }
    }
}

/// The result of one gate on one model.
#[derive(Debug, Clone, PartialEq)]
pub struct GateResult {
    pub gate: Gate,
    pub model: ModelRef,
    pub verdict: GateVerdict,
}

/// Checks every gate on every model, in the order of gates.
pub fn check_all(gates: &[Gate], report: &Report) -> Vec<GateResult> {
    let on_models = |gate: &Gate| {
        let gate = *gate;
        report.models.iter().map(move |model| GateResult {
            gate,
            model: model.model.clone(),
            verdict: gate.check(model),
        })
    };
    gates.iter().flat_map(on_models).collect()
}

#[cfg(test)]
mod tests;
