//! Parses gates, and words the messages for mistakes in them.

use super::stored_metrics::{STORED_METRICS, stored_field};
use super::{COMPARISONS, COUNTS, Gate, GateSubject, PAIR_DIFFERENCE};
use crate::measure::metrics::{METRICS, Unit, position};
use crate::measure::stats::Statistic;
use std::str::FromStr;

/// A unit of a threshold: its name, the divisor that leads to the base unit, and the quantity that it measures.
struct ThresholdUnit {
    name: &'static str,
    divisor: f64,
    measures: Quantity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Time,
    Share,
    Number,
}

/// A time needs its unit; an error rate without one is a share (0 to 1); everything else is a plain number.
const SCALES: [ThresholdUnit; 5] = [
    ThresholdUnit { name: "ms", divisor: 1e3, measures: Quantity::Time },
    ThresholdUnit { name: "us", divisor: 1e6, measures: Quantity::Time },
    ThresholdUnit { name: "µs", divisor: 1e6, measures: Quantity::Time },
    ThresholdUnit { name: "s", divisor: 1.0, measures: Quantity::Time },
    ThresholdUnit { name: "%", divisor: 100.0, measures: Quantity::Share },
];

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GateError {
    #[error("`{0}` compares nothing: write for example ttft_p95>2s")]
    NoComparison(String),
    /// A name that is neither a metric nor a count.
    #[error("unknown metric `{name}`{}", suggestion(.nearest))]
    UnknownMetric {
        /// The name as written.
        name: String,
        /// Up to three similar names.
        nearest: Vec<String>,
    },
    /// A metric without a statistic, or with one that does not exist.
    #[error("{}", statistic_wanted(.metric, .name))]
    UnknownStatistic {
        metric: String,
        /// The statistic as written; empty if there was none.
        name: String,
    },
    /// Not a finite number, or out of range.
    #[error(
        "`{0}` is no threshold: write a number of 0 or more with its unit, for example 2s, 1500ms, 5% or 30"
    )]
    BadNumber(String),
    /// A time without a unit.
    #[error("`{subject}` is a time: write {number}s or {number}ms")]
    NoUnit {
        subject: String,
        /// The number as written.
        number: String,
    },
    /// A factor of a subject for which stored runs have none.
    #[error("{}", factor_wanted(.subject, .median.as_deref()))]
    NoFactor {
        subject: String,
        /// The same metric's median, if stored runs have that metric.
        median: Option<String>,
    },
    /// A unit that does not fit the subject.
    #[error("`{subject}` is not measured in `{unit}`: {expected}")]
    BadUnit {
        subject: String,
        /// The unit as written.
        unit: String,
        expected: &'static str,
    },
}

fn suggestion(nearest: &[String]) -> String {
    if nearest.is_empty() {
        let keys: Vec<&str> =
            METRICS.iter().map(|m| m.key).chain([PAIR_DIFFERENCE]).chain(COUNTS.map(|c| c.0)).collect();
        return format!("; there are {}", keys.join(", "));
    }
    format!(": did you mean {}?", nearest.join(" or "))
}

fn statistic_wanted(metric: &str, name: &str) -> String {
    let names = Statistic::NAMES.map(|name| format!("{metric}_{name}")).join(", ");
    if name.is_empty() {
        return format!("`{metric}` needs a statistic: {names}");
    }
    format!("`{metric}` has no statistic `{name}`: there are {names}")
}

fn factor_wanted(subject: &str, median: Option<&str>) -> String {
    match median {
        Some(median) => format!(
            "`{subject}` cannot be compared with stored runs, whose medians alone can: write {median} with a factor above 0"
        ),
        None => {
            let names: Vec<String> = STORED_METRICS.iter().map(|(key, _)| format!("{key}_p50")).collect();
            format!("`{subject}` cannot be compared with stored runs: these can: {}", names.join(", "))
        }
    }
}

/// The sign behind a factor of what is stored.
const FACTOR: &str = "x";

impl FromStr for Gate {
    type Err = GateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let none = || GateError::NoComparison(text.to_owned());
        let at = text.find(['<', '>']).ok_or_else(none)?;
        let (name, rest) = text.split_at(at);
        let signs = COMPARISONS.iter().find_map(|(sign, is)| Some((rest.strip_prefix(sign)?, *is)));
        let (written, comparison) = signs.ok_or_else(none)?;
        let subject = parse_subject(name.trim())?;
        if let Some(number) = written.trim().strip_suffix(FACTOR) {
            let number = parse_factor(subject, number.trim_end(), written.trim())?;
            let (unit, threshold) = (FACTOR, number);
            return Ok(Self { subject, comparison, number, unit, threshold, against_history: true });
        }
        let (number, unit, threshold) = parse_threshold(subject, written.trim())?;
        Ok(Self { subject, comparison, number, unit, threshold, against_history: false })
    }
}

fn parse_subject(name: &str) -> Result<GateSubject, GateError> {
    if let Some((_, subject)) = COUNTS.iter().find(|(known, _)| *known == name) {
        return Ok(*subject);
    }
    let missing =
        |metric: &str, name: &str| GateError::UnknownStatistic { metric: metric.into(), name: name.into() };
    if position(name).is_some() || name == PAIR_DIFFERENCE {
        return Err(missing(name, ""));
    }
    let (key, statistic) = name.rsplit_once('_').unwrap_or((name, ""));
    let place = position(key);
    if place.is_none() && key != PAIR_DIFFERENCE {
        return Err(GateError::UnknownMetric { name: name.to_owned(), nearest: nearest(name) });
    }
    let statistic = Statistic::parse(statistic).ok_or_else(|| missing(key, statistic))?;
    Ok(place.map_or(GateSubject::PairDifference(statistic), |place| GateSubject::Figure(place, statistic)))
}

/// Up to three names similar to `name`: counts as a whole, metrics by the part before the statistic.
fn nearest(name: &str) -> Vec<String> {
    let (key, statistic) = match name.rsplit_once('_') {
        Some((key, end)) if Statistic::parse(end).is_some() => (key, end),
        _ => (name, "p95"),
    };
    let counts = COUNTS.iter().map(|(known, _)| (strsim::jaro_winkler(name, known), (*known).to_owned()));
    let keys = METRICS.iter().map(|m| m.key).chain([PAIR_DIFFERENCE]);
    let metrics = keys.map(|known| (strsim::jaro_winkler(key, known), format!("{known}_{statistic}")));
    let mut scored: Vec<(f64, String)> = counts.chain(metrics).filter(|(score, _)| *score > 0.75).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

/// A factor above 0. `written` has the sign behind it.
fn parse_factor(subject: GateSubject, number: &str, written: &str) -> Result<f64, GateError> {
    let stored = subject.metric().filter(|(metric, _)| stored_field(metric.key).is_some());
    let median = stored.map(|(metric, _)| format!("{}_p50", metric.key));
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let found = number.parse().ok().filter(|number: &f64| plain && number.is_finite());
    let found = found.ok_or_else(|| GateError::BadNumber(written.to_owned()))?;
    match stored {
        Some((_, Statistic::Percentile(50.0))) if found > 0.0 => Ok(found),
        _ => Err(GateError::NoFactor { subject: subject.to_string(), median }),
    }
}

fn parse_threshold(subject: GateSubject, written: &str) -> Result<(f64, &'static str, f64), GateError> {
    let split = written.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(written.len());
    let (digits, unit) = (&written[..split], written[split..].trim());
    let bad = || GateError::BadNumber(written.to_owned());
    let number: f64 = digits.parse().ok().filter(|n: &f64| n.is_finite()).ok_or_else(bad)?;
    let (quantity, expected) = subject.quantity();
    if unit.is_empty() && quantity == Quantity::Time {
        return Err(GateError::NoUnit { subject: subject.to_string(), number: digits.to_owned() });
    }
    let (name, threshold) = if unit.is_empty() {
        ("", number)
    } else {
        let fits = |scale: &&ThresholdUnit| scale.name == unit && scale.measures == quantity;
        let scale = SCALES.iter().find(fits).ok_or_else(|| GateError::BadUnit {
            subject: subject.to_string(),
            unit: unit.to_owned(),
            expected,
        })?;
        (scale.name, number / scale.divisor)
    };
    if quantity == Quantity::Share && threshold > 1.0 {
        return Err(bad());
    }
    Ok((number, name, threshold))
}

impl GateSubject {
    fn quantity(self) -> (Quantity, &'static str) {
        match self {
            GateSubject::Figure(_, Statistic::Count)
            | GateSubject::Failures
            | GateSubject::Successes
            | GateSubject::Suspects => (Quantity::Number, "write a plain number"),
            GateSubject::PairDifference(Statistic::Count) => (Quantity::Number, "write a plain number"),
            GateSubject::PairDifference(_) => (Quantity::Time, "write s, ms or us"),
            GateSubject::ErrorRate => (Quantity::Share, "write 5% or 0.05"),
            GateSubject::Figure(place, _) => match METRICS[place].unit {
                Unit::Seconds => (Quantity::Time, "write s, ms or us"),
                Unit::Rate => (Quantity::Number, "write a plain number of tokens per second"),
                Unit::Count => (Quantity::Number, "write a plain number"),
            },
        }
    }
}
