//! Formats the results of gates: lines for people, on stderr too where stdout holds something else, and a document. A gate
//! against history says what it compared.

use super::view::ReportView;
use super::{row_fields, text, units};
use crate::domain::timestamp::time;
use crate::measure::compare::RunStratum;
use crate::measure::gate::history::HistoryComparison;
use crate::measure::gate::{GateResult, GateSubject, GateVerdict};
use crate::measure::metrics::Unit;
use chrono::FixedOffset;
use serde_json::{Value, json};

/// Other circumstances that are named, those with the most runs.
const NAMED: usize = 3;

/// The lines of each gate and model, wrapped.
pub fn lines(checked: &[GateResult], view: &ReportView) -> Vec<String> {
    checked.iter().flat_map(|one| of_gate(one, view)).collect()
}

fn of_gate(checked: &GateResult, view: &ReportView) -> Vec<String> {
    let verdict = checked.verdict;
    let said = self::verdict(checked, view.terminal.unicode);
    let line = format!("{} on {}: {said}", checked.gate, text::escape(&checked.model.to_string()));
    let paint = view.paint();
    let head = text::wrap(&line, view.terminal.width, 2);
    let mut lines: Vec<String> = head
        .iter()
        .map(|line| match verdict {
            GateVerdict::Passed(_) => paint.good(line),
            GateVerdict::Undecided => paint.doubtful(line),
            GateVerdict::Tripped(_) | GateVerdict::NoData => paint.bad(line),
        })
        .collect();
    for remark in checked.history.iter().flat_map(|compared| remarks(checked, compared, view)) {
        lines.extend(text::wrap(&remark, view.terminal.width, 4));
    }
    lines
}

/// The verdict and what was observed, for example `passed (215 ms)`.
pub(super) fn verdict(checked: &GateResult, unicode: bool) -> String {
    match &checked.history {
        Some(compared) => against_history(checked.verdict, compared),
        None => against_threshold(checked.gate.subject(), checked.verdict, unicode),
    }
}

fn against_threshold(subject: GateSubject, verdict: GateVerdict, unicode: bool) -> String {
    match verdict {
        GateVerdict::Passed(value) => format!("passed ({})", observed(subject, value, unicode)),
        GateVerdict::Tripped(value) => format!("TRIPPED ({})", observed(subject, value, unicode)),
        GateVerdict::NoData | GateVerdict::Undecided => "TRIPPED (no data: it could not look)".to_owned(),
    }
}

fn observed(subject: GateSubject, value: f64, unicode: bool) -> String {
    match (subject.unit(), subject) {
        (Some(unit), _) => units::phrase(unit, value, unicode),
        (None, GateSubject::ErrorRate) => units::share(value),
        (None, _) => units::phrase(Unit::Count, value, unicode),
    }
}

fn against_history(verdict: GateVerdict, compared: &HistoryComparison) -> String {
    match &compared.found {
        Ok(found) => format!(
            "{} ({}, {} sure of {} to {})",
            if verdict.trips() { "TRIPPED" } else { "passed" },
            factor(found.ratio),
            units::share(compared.confidence),
            factor(found.ratio_interval.low),
            factor(found.ratio_interval.high)
        ),
        Err(shortage) => format!("NOT DECIDED ({shortage})"),
    }
}

fn factor(ratio: f64) -> String {
    format!("{}x", units::short_rate(ratio))
}

/// What was compared, and what a reader must know of it.
fn remarks(checked: &GateResult, compared: &HistoryComparison, view: &ReportView) -> Vec<String> {
    let mut remarks = vec![what(checked, compared, view.terminal.unicode, view.zone)];
    if compared.found.as_ref().is_ok_and(|found| !found.same_hours) {
        remarks.push(
            "too few stored runs are of this time of the day, so all hours were compared: speed changes over the day"
                .to_owned(),
        );
    }
    if compared.suspect > 0 {
        remarks.push(format!("left out: {}", units::counted(compared.suspect, "suspect value")));
    }
    if compared.under_load && compared.used.samples > 0 {
        remarks.push(
            "this run had requests in flight at once; stored runs do not say under which load they were made"
                .to_owned(),
        );
    }
    if compared.found.is_err() {
        remarks.extend(elsewhere(compared));
    }
    remarks
}

/// What a gate against history compared, in one line; `None` for other gates.
pub(super) fn compared(checked: &GateResult, unicode: bool, zone: FixedOffset) -> Option<String> {
    checked.history.as_deref().map(|compared| what(checked, compared, unicode, zone))
}

fn what(checked: &GateResult, compared: &HistoryComparison, unicode: bool, zone: FixedOffset) -> String {
    let unit = checked.gate.subject().unit().unwrap_or(Unit::Count);
    let at = |median: Option<f64>| {
        let shown = median.map(|median| units::phrase(unit, median, unicode));
        shown.map_or_else(String::new, |shown| format!("{shown} in "))
    };
    let stored = compared.found.as_ref().ok().map(|found| found.stored_median);
    let mut words = format!(
        "{}{} against {}{} of {}",
        at(compared.run_median),
        units::counted(compared.run_samples as u64, "sample"),
        at(stored),
        units::counted(compared.used.samples as u64, "stored run"),
        units::counted(compared.used.days as u64, "day")
    );
    if let Some((from, _)) = compared.window {
        words.push_str(&format!(" since {}", row_fields::short_time(from, zone)));
    }
    if compared.found.as_ref().is_ok_and(|found| found.same_hours) {
        words.push_str(", at the same hours of the day");
    }
    format!("{words}; {}", circumstances(&compared.stratum))
}

fn circumstances(stratum: &RunStratum) -> String {
    let word =
        |word: &Option<String>, none: &str| word.as_deref().map_or_else(|| none.to_owned(), text::escape);
    format!(
        "profile {}, {}, {}",
        word(&stratum.profile, "unknown"),
        word(&stratum.connection, "connection unknown"),
        stratum
            .runner
            .as_deref()
            .map_or_else(|| "no runner".to_owned(), |name| format!("runner {}", text::escape(name)))
    )
}

/// What is stored of the model and could not be compared.
fn elsewhere(compared: &HistoryComparison) -> Vec<String> {
    let mut others: Vec<(&RunStratum, u64)> =
        compared.elsewhere.iter().map(|(stratum, runs)| (stratum, *runs)).collect();
    others.sort_by_key(|(_, runs)| std::cmp::Reverse(*runs));
    let mut said: Vec<String> = others
        .iter()
        .take(NAMED)
        .map(|(stratum, runs)| {
            format!("not comparable: {} of {}", units::counted(*runs, "stored run"), circumstances(stratum))
        })
        .collect();
    if compared.other_route > 0 {
        let runs = units::counted(compared.other_route, "stored run");
        said.push(format!(
            "not comparable: {runs} through a proxy, or of another endpoint, or the other way round"
        ));
    }
    said
}

/// The document of one gate on one model.
pub fn document(checked: &GateResult) -> Value {
    json!({
        "gate": checked.gate.to_string(),
        "provider": checked.model.provider,
        "model": checked.model.model_id,
        "verdict": checked.verdict.as_str(),
        "observed": checked.verdict.observed(),
        "threshold": checked.gate.threshold(),
        "history": checked.history.as_deref().map(history_document),
    })
}

fn history_document(compared: &HistoryComparison) -> Value {
    let found = compared.found.as_ref().ok();
    let stratum = |stratum: &RunStratum| json!({ "profile": stratum.profile, "connection": stratum.connection, "runner": stratum.runner });
    let elsewhere: Vec<Value> = compared
        .elsewhere
        .iter()
        .map(|(of, runs)| {
            let mut document = stratum(of);
            document["runs"] = json!(runs);
            document
        })
        .collect();
    json!({
        "from": compared.window.map(|window| time(window.0)),
        "to": compared.window.map(|window| time(window.1)),
        "stratum": stratum(&compared.stratum),
        "run": { "n": compared.run_samples, "p50": compared.run_median },
        "stored": {
            "n": compared.used.samples,
            "days": compared.used.days,
            "suspect": compared.suspect,
            "other_route": compared.other_route,
            "p50": found.map(|found| found.stored_median),
        },
        "not_comparable": elsewhere,
        "under_load": compared.under_load,
        "same_hours": found.map(|found| found.same_hours),
        "confidence": compared.confidence,
        "ratio": found.map(|found| found.ratio),
        "ratio_interval": found.map(|found| found.ratio_interval),
        "missing": compared.found.as_ref().err().map(ToString::to_string),
    })
}

#[cfg(test)]
mod tests;
