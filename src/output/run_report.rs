//! Formats a report for people: the request, models side by side, the table, charts if there is room, failures, gates.
//! Text only; `print` writes.

use super::side_by_side::{self, Sort};
use super::view::ReportView;
use super::{chart, dialects, failures, gates, pairs, table, text, units};
use crate::measure::gate::GateResult;
use crate::measure::report::{Report, RequestedConnection};
use chrono::{DateTime, FixedOffset, Utc};

/// The whole report, ending in a line break.
pub fn report(report: &Report, checked: &[GateResult], sort: Sort, view: &ReportView) -> String {
    let titled = |title: &str, lines: Vec<String>| -> Vec<String> {
        if lines.is_empty() {
            return lines;
        }
        std::iter::once(view.paint().heading(title)).chain(lines).collect()
    };
    let parts = [
        header(report, view),
        side_by_side::lines(&report.models, sort, view),
        table::lines(&report.models, view),
        titled("Cold and warm, in pairs", pair_lines(report, view)),
        dialects::lines(report, view),
        titled("Distributions", chart::lines(&report.models, view)),
        titled("Failures", failures::lines(&report.models, view)),
        titled("Gates", gates::lines(checked, view)),
    ];
    let shown = parts.iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n"));
    shown.collect::<Vec<_>>().join("\n\n") + "\n"
}

/// The failures and their reasons, for stderr when there is no report.
pub fn failures(report: &Report, view: &ReportView) -> Vec<String> {
    failures::lines(&report.models, view)
}

fn header(report: &Report, view: &ReportView) -> Vec<String> {
    let unicode = view.terminal.unicode;
    let mut lines = view.wrap(&parameters(report, view.zone, unicode).join(", "));
    if let Some(line) = deviations(report, unicode) {
        lines.extend(view.wrap(&line).iter().map(|line| view.paint().doubtful(line)));
    }
    lines
}

/// When, for how long and how was measured.
pub(super) fn parameters(report: &Report, zone: FixedOffset, unicode: bool) -> Vec<String> {
    let asked = &report.asked;
    let took = (report.ended_at - report.started_at).as_seconds_f64();
    let mut words = vec![
        format!("{}, took {}", time(report.started_at, zone), units::seconds(took, unicode)),
        format!("profile {}", text::escape(&asked.profile)),
        format!("at most {} tokens", asked.max_output_tokens),
        match asked.connection {
            RequestedConnection::Cold => "a new connection each".to_owned(),
            RequestedConnection::Warm => "open connections".to_owned(),
            RequestedConnection::Paired => {
                "a new and an open connection by turns, in an order drawn by lot".to_owned()
            }
        },
    ];
    words.extend(asked.concurrency.map(|most| format!("concurrency {most}")));
    words.extend(asked.rate.map(|rate| format!("{} requests/s", units::count(rate))));
    words
}

fn pair_lines(report: &Report, view: &ReportView) -> Vec<String> {
    let models = report.models.iter().filter_map(|one| Some((&one.model, one.pairs.as_ref()?)));
    pairs::lines(models, view)
}

/// A time for people: local, with its offset.
pub fn time(at: DateTime<Utc>, zone: FixedOffset) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// The deviations from the planned load; `None` without any.
pub(super) fn deviations(report: &Report, unicode: bool) -> Option<String> {
    let load = &report.load;
    let unit = if report.asked.connection == RequestedConnection::Paired { "pairs" } else { "requests" };
    let mut words = Vec::new();
    if let Some(planned) = load.planned.filter(|planned| *planned != load.started) {
        words.push(format!("{} of {planned} {unit} started", load.started));
    }
    if let (Some(asked), Some(reached)) = (load.rate_requested, load.rate_achieved) {
        words.push(format!(
            "asked for {} requests/s, started {}",
            units::count(asked),
            units::count(reached)
        ));
    }
    if load.late_starts > 0 {
        let most = units::seconds(load.max_delay, unicode);
        words.push(format!("{} started late, by up to {most}", load.late_starts));
    }
    words.extend(load.stopped_early.iter().map(|why| format!("stopped early: {}", text::one_line(why))));
    (!words.is_empty()).then(|| words.join("; "))
}
