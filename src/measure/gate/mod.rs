//! Thresholds that make an invocation fail: `ttft_p95>2s` trips if the 95th percentile of the TTFT is above two
//! seconds. Pure; the command decides how a tripped gate affects the exit status.
//!
//! A gate is a subject, one of `>`, `>=`, `<`, `<=`, and a number with a unit. Subjects are `METRIC_STATISTIC` for
//! every metric of [`METRICS`] and every statistic (`min`, `mean`, any `pNN`, `max`, `n`), the difference within pairs of
//! `--paired`, and the counts in [`GateSubject`]. A gate without data trips too: a check that could not be made must not pass.
//!
//! A number with an `x` behind it (`ttft_p50>1.3x`) is a factor: the run's median is held against the stored series of the
//! same model in the same circumstances ([`history`]), and trips the gate only where the whole interval lies beyond it.

use crate::domain::ModelRef;
use crate::measure::metrics::{METRICS, Metric, Unit};
use crate::measure::report::{ModelReport, Report};
use crate::measure::stats::Statistic;
use history::{GateHistory, HistoryComparison};
use std::fmt;

pub mod history;
mod parse;
mod prediction;
mod shortage;
mod stored_metrics;

pub use parse::GateError;
pub use shortage::HistoryShortage;
pub use stored_metrics::{STORED_METRICS, stored_field};

/// The value that a gate checks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GateSubject {
    /// A statistic of a metric; the number is the metric's index in [`METRICS`].
    Figure(usize, Statistic),
    /// `ttft_difference`: a statistic of cold minus warm TTFT within pairs.
    PairDifference(Statistic),
    /// `error_rate`: failures / attempts.
    ErrorRate,
    /// `failures`: attempts that failed.
    Failures,
    /// `successes`: attempts that succeeded.
    Successes,
    /// `suspects`: successes measured by a starved client.
    Suspects,
}

/// The name of the difference within pairs, as in JSON.
const PAIR_DIFFERENCE: &str = "ttft_difference";

const COUNTS: [(&str, GateSubject); 4] = [
    ("error_rate", GateSubject::ErrorRate),
    ("failures", GateSubject::Failures),
    ("successes", GateSubject::Successes),
    ("suspects", GateSubject::Suspects),
];

/// How sure the intervals of an invocation are in all.
const CONFIDENCE: f64 = 0.95;

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
    /// In seconds, tokens per second, a share of 1, or a plain number; for a gate against history a factor.
    threshold: f64,
    /// True if the number is a factor of what is stored.
    against_history: bool,
}

impl GateSubject {
    /// The metric and its statistic, if the subject is one.
    pub fn metric(self) -> Option<(&'static Metric, Statistic)> {
        match self {
            GateSubject::Figure(place, statistic) => Some((&METRICS[place], statistic)),
            _ => None,
        }
    }

    /// The unit of what it observes; `None` for counts and shares.
    pub fn unit(self) -> Option<Unit> {
        match self {
            GateSubject::Figure(_, Statistic::Count) | GateSubject::PairDifference(Statistic::Count) => {
                Some(Unit::Count)
            }
            GateSubject::Figure(place, _) => Some(METRICS[place].unit),
            GateSubject::PairDifference(_) => Some(Unit::Seconds),
            _ => None,
        }
    }

    fn observe(self, report: &ModelReport) -> Option<f64> {
        match self {
            GateSubject::Figure(place, statistic) => statistic.of_sorted(&report.figures[place].sorted),
            GateSubject::PairDifference(statistic) => {
                statistic.of_sorted(&report.pairs.as_ref()?.difference.sorted)
            }
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
        if let GateSubject::PairDifference(statistic) = self {
            return write!(f, "{PAIR_DIFFERENCE}_{statistic}");
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
    /// Too little is stored, or was measured, to tell whether the condition holds.
    Undecided,
}

impl GateVerdict {
    /// True if the condition holds, or nothing could be looked at.
    pub fn trips(self) -> bool {
        matches!(self, GateVerdict::Tripped(_) | GateVerdict::NoData)
    }

    /// True if the invocation fails because of it; `undecided` says whether it does because of an open answer.
    pub fn fails(self, undecided: bool) -> bool {
        self.trips() || (undecided && self == GateVerdict::Undecided)
    }

    /// The observed value, in base units.
    pub fn observed(self) -> Option<f64> {
        match self {
            GateVerdict::Passed(value) | GateVerdict::Tripped(value) => Some(value),
            GateVerdict::NoData | GateVerdict::Undecided => None,
        }
    }

    /// `passed`, `tripped`, `no_data` or `not_decided`.
    pub fn as_str(self) -> &'static str {
        match self {
            GateVerdict::Passed(_) => "passed",
            GateVerdict::Tripped(_) => "tripped",
            GateVerdict::NoData => "no_data",
            GateVerdict::Undecided => "not_decided",
        }
    }
}

impl Gate {
    pub fn subject(&self) -> GateSubject {
        self.subject
    }

    /// The threshold in seconds, tokens per second, a share of 1, or a plain number; for a gate against history the factor.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// The index in [`METRICS`] of the metric that it holds against stored runs; `None` if the threshold is absolute.
    pub fn history_metric(&self) -> Option<usize> {
        match self.subject {
            GateSubject::Figure(place, _) if self.against_history => Some(place),
            _ => None,
        }
    }

    pub fn check(&self, report: &ModelReport) -> GateVerdict {
        let Some(value) = self.subject.observe(report) else { return GateVerdict::NoData };
        if self.holds(value) { GateVerdict::Tripped(value) } else { GateVerdict::Passed(value) }
    }

    fn holds(&self, value: f64) -> bool {
        match self.comparison {
            ComparisonOp::Above => value > self.threshold,
            ComparisonOp::AtLeast => value >= self.threshold,
            ComparisonOp::Below => value < self.threshold,
            ComparisonOp::AtMost => value <= self.threshold,
        }
    }

    /// Trips only if the end of the interval that is nearer to the factor lies beyond it.
    fn check_history(&self, compared: &HistoryComparison) -> GateVerdict {
        let Ok(found) = &compared.found else { return GateVerdict::Undecided };
        let near = match self.comparison {
            ComparisonOp::Above | ComparisonOp::AtLeast => found.ratio_interval.low,
            ComparisonOp::Below | ComparisonOp::AtMost => found.ratio_interval.high,
        };
        match self.holds(near) {
            true => GateVerdict::Tripped(found.ratio),
            false => GateVerdict::Passed(found.ratio),
        }
    }
}

/// The result of one gate on one model.
#[derive(Debug, Clone, PartialEq)]
pub struct GateResult {
    pub gate: Gate,
    pub model: ModelRef,
    pub verdict: GateVerdict,
    /// What a gate against history compared; `None` for the others.
    pub history: Option<Box<HistoryComparison>>,
}

/// Checks every gate on every model, in the order of gates.
pub fn check_all(gates: &[Gate], report: &Report, history: &GateHistory) -> Vec<GateResult> {
    let against = gates.iter().filter(|gate| gate.against_history).count();
    // Splits the allowed rate of false alarms among all comparisons of the invocation.
    let comparisons = (against * report.models.len()).max(1);
    let confidence = 1.0 - (1.0 - CONFIDENCE) / comparisons as f64;
    let on_model = |gate: &Gate, model: &ModelReport| {
        let compared = gate.history_metric().map(|metric| history.compare(metric, model, report, confidence));
        let verdict = match &compared {
            Some(compared) => gate.check_history(compared),
            None => gate.check(model),
        };
        GateResult { gate: *gate, model: model.model.clone(), verdict, history: compared.map(Box::new) }
    };
    gates.iter().flat_map(|gate| report.models.iter().map(move |model| on_model(gate, model))).collect()
}

#[cfg(test)]
mod tests;
