//! Formats the state of measuring for people: problems first, then each provider, open changes, remote runners, places,
//! calibrations, the daemon, and the last report of every component. Pure: findings in, text out.

mod budgets;
pub mod calibrations;
pub mod json;
pub mod live;
mod open_changes;
pub mod places;
mod runners;
#[cfg(test)]
mod tests;

use super::color::Paint;
use super::list_report::{Column, ListReport};
use super::{ReportView, row_fields, sampling_plan, text, units};
use crate::domain::daemon_status::calibration_problems;
use crate::domain::daemon_status::{DaemonProblem, DaemonStatus, LaneReport, ProblemSeverity};
use crate::domain::fleet::{Fleet, HeartbeatRow, ProviderState};
use crate::domain::runner::{COMPONENT, RunnerState};
use crate::domain::series_change::SeriesChange;
use crate::domain::window::{ago, span};
use calibrations::HostCalibrations;
use chrono::{DateTime, Utc};
use places::RankingReport;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The store's knowledge of a provider, its lane, and its name.
pub(super) type ProviderRow<'a> = (Option<&'a ProviderState>, Option<LaneReport>, String);

/// Heartbeats that are shown unless all are requested.
const MOST_HEARTBEATS: usize = 16;

/// Problems that are shown unless all are requested.
const MOST_PROBLEMS: usize = 12;

#[derive(Debug, Clone, PartialEq)]
pub struct StatusReport {
    pub as_of: DateTime<Utc>,
    /// Sorted, the worst first.
    pub problems: Vec<DaemonProblem>,
    /// The store without any secret, if it was opened.
    pub store: Option<String>,
    /// The store's knowledge of all providers, if it answered.
    pub fleet: Option<Fleet>,
    /// How far lanes are from a place in the ranking, if a daemon or a command counted them.
    pub ranking: Option<RankingReport>,
    /// The changes of series that are open; `None` if the store did not tell.
    pub open_changes: Option<Vec<SeriesChange>>,
    /// How wrong the clocks of hosts are; `None` if nobody looked.
    pub calibrations: Option<HostCalibrations>,
    /// The status file of this machine's daemon, if there is one.
    pub daemon_status: Option<DaemonStatus>,
}

impl StatusReport {
    /// Keeps the facts about these providers or about none; keeps everything if there are no names.
    #[must_use]
    pub fn only(mut self, providers: &[String]) -> Self {
        if providers.is_empty() {
            return self;
        }
        let wanted = |name: &String| providers.contains(name);
        let mut kept =
            ["daemon", "store", "outbox", calibration_problems::SUBJECT].map(str::to_owned).to_vec();
        if let Some(fleet) = &mut self.fleet {
            fleet.providers.retain(|state| wanted(&state.provider));
            fleet.runners.retain(|runner| runner.covers(providers));
            kept.extend(fleet.runners.iter().map(RunnerState::component));
        }
        if let Some(ranking) = &mut self.ranking {
            ranking.lanes.retain(|lane| wanted(&lane.model.provider));
        }
        if let Some(open) = &mut self.open_changes {
            open.retain(|change| wanted(&change.series.model.provider));
        }
        self.problems.retain(|problem| wanted(&problem.subject) || kept.contains(&problem.subject));
        if let Some(daemon_status) = &mut self.daemon_status {
            daemon_status.lanes.retain(|lane| wanted(&lane.provider));
        }
        self
    }

    /// True if no problem is as severe as [`ProblemSeverity::Unhealthy`].
    pub fn healthy(&self) -> bool {
        self.problems.iter().all(|problem| problem.severity < ProblemSeverity::Unhealthy)
    }

    /// Every known provider with its lane: of this machine's daemon, else of another one.
    pub(super) fn rows(&self) -> Vec<ProviderRow<'_>> {
        let mut lanes: BTreeMap<String, LaneReport> = BTreeMap::new();
        let elsewhere = self.fleet.iter().flat_map(|fleet| fleet.lanes(self.as_of));
        let here = self.daemon_status.iter().flat_map(|daemon_status| {
            // A report of another day tells nothing of today's budget.
            let is_of_today = daemon_status.written_at.date_naive() == self.as_of.date_naive();
            let of_today =
                move |lane: LaneReport| LaneReport { budget: lane.budget.filter(|_| is_of_today), ..lane };
            daemon_status.lanes.clone().into_iter().map(of_today)
        });
        for lane in elsewhere.chain(here) {
            lanes.insert(lane.provider.clone(), lane);
        }
        let states = self.fleet.iter().flat_map(|fleet| &fleet.providers);
        let mut rows: Vec<_> = states
            .map(|state| (Some(state), lanes.remove(&state.provider), state.provider.clone()))
            .collect();
        // If the store does not answer, the lanes are all that is known.
        let alone = self.fleet.is_none();
        rows.extend(lanes.into_iter().filter(|_| alone).map(|(name, lane)| (None, Some(lane), name)));
        rows
    }
}

/// The whole screen, ending in a line break.
pub fn screen(report: &StatusReport, view: &ReportView) -> String {
    let known = report.fleet.as_ref().map(|fleet| fleet.runners.as_slice()).unwrap_or_default();
    let parts = [
        problems(report, view),
        providers(report, view),
        open_changes::lines(report.open_changes.as_deref(), view),
        runners::lines(known, view, report.as_of),
        places::lines(report.ranking.as_ref(), view, report.as_of),
        known_calibrations(report, view),
        daemon(report, view),
        heartbeats(report, view),
    ];
    let shown = parts.iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n"));
    shown.collect::<Vec<_>>().join("\n\n") + "\n"
}

fn known_calibrations(report: &StatusReport, view: &ReportView) -> Vec<String> {
    let known = report.calibrations.as_ref();
    known.map(|known| calibrations::lines(known, view, report.as_of)).unwrap_or_default()
}

/// The problems alone, one per line.
pub fn reasons(problems: &[DaemonProblem]) -> String {
    let line = |problem: &DaemonProblem| {
        format!(
            "{}: {} ({})\n",
            problem.severity.as_str(),
            text::one_line(&problem.sentence),
            way_out(problem)
        )
    };
    problems.iter().map(line).collect()
}

/// The command to type, and the section to read.
fn way_out(problem: &DaemonProblem) -> String {
    let heading = format!("TROUBLESHOOTING.md, \"{}\"", problem.cause.heading());
    problem.command.as_ref().map_or(heading.clone(), |command| format!("{command}; {heading}"))
}

fn problems(report: &StatusReport, view: &ReportView) -> Vec<String> {
    let paint = view.paint();
    let most = if view.verbose { usize::MAX } else { MOST_PROBLEMS };
    let mut lines: Vec<String> = match report.problems.len() {
        0 => return vec![paint.good("All is well.")],
        1 => vec![paint.heading("One thing is wrong:")],
        several => vec![paint.heading(&format!("{several} things are wrong:"))],
    };
    for problem in report.problems.iter().take(most) {
        let head = format!("{}: {}", problem.severity.as_str(), text::one_line(&problem.sentence));
        let painted = |line: String| colour(paint, problem.severity, &line);
        lines.extend(text::wrap(&head, view.terminal.width, 2).into_iter().map(painted));
        lines.extend(
            text::wrap(&way_out(problem), view.terminal.width, 4).iter().map(|line| paint.quiet(line)),
        );
    }
    let left = report.problems.len().saturating_sub(most);
    if left > 0 {
        lines.push(format!("  and {left} more: llmbench status --wide"));
    }
    lines
}

fn colour(paint: Paint, severity: ProblemSeverity, line: &str) -> String {
    match severity {
        ProblemSeverity::Unhealthy => paint.bad(line),
        ProblemSeverity::Degraded => paint.doubtful(line),
    }
}

fn providers(report: &StatusReport, view: &ReportView) -> Vec<String> {
    let mut rows = report.rows();
    if rows.is_empty() {
        return Vec::new();
    }
    let mut total = ProviderState { provider: "all".to_owned(), ..ProviderState::default() };
    for (state, ..) in &rows {
        add(&mut total, state.unwrap_or(&ProviderState::default()));
    }
    if rows.len() > 1 && report.fleet.is_some() {
        rows.push((Some(&total), None, total.provider.clone()));
    }
    provider_list(&rows, report.as_of).headed(view)
}

fn add(total: &mut ProviderState, state: &ProviderState) {
    total.enabled += state.enabled;
    total.fresh += state.fresh;
    total.stale += state.stale;
    total.critical += state.critical;
    total.never_run += state.never_run;
    total.only_suspect += state.only_suspect;
    total.probing += state.probing;
    total.disabled += state.disabled;
    total.successes += state.successes;
    total.failures += state.failures;
    total.last_success_at = total.last_success_at.max(state.last_success_at);
}

fn provider_list<'a>(rows: &'a [ProviderRow<'a>], now: DateTime<Utc>) -> ListReport<'a, ProviderRow<'a>> {
    fn counted(row: &ProviderRow<'_>, count: fn(&ProviderState) -> u64) -> String {
        row.0.map_or_else(|| "-".to_owned(), |state| count(state).to_string())
    }
    // A column without content is left out, except those that people look for.
    let words = |title| Column::new(title).silent(&["", "-"]);
    let count = |title| Column::number(title).silent(&["", "0", "-"]);
    let named = |name: &str| if name.is_empty() { "-".to_owned() } else { name.to_owned() };
    let last_success = move |(state, ..): &ProviderRow<'_>| {
        state.and_then(|state| state.last_success_at).map_or_else(|| "-".to_owned(), |at| ago(at, now))
    };
    let lane = |(_, lane, _): &ProviderRow<'_>| {
        lane.as_ref().map_or_else(|| "-".to_owned(), |lane| json::word(&lane.state))
    };
    ListReport::new(rows)
        .column(Column::new("PROVIDER").free(), move |(.., name)| named(name))
        .column(Column::number("ON"), |row| counted(row, |state| state.enabled))
        .column(Column::number("FRESH"), |row| counted(row, |state| state.fresh))
        .column(count("STALE").rank(3), |row| counted(row, |state| state.stale))
        .column(Column::number("CRITICAL"), |row| counted(row, |state| state.critical))
        .column(count("NEVER").rank(3), |row| counted(row, |state| state.never_run))
        .column(count("PROBING").rank(6), |row| counted(row, |state| state.probing))
        .column(count("OFF").rank(4), |row| counted(row, |state| state.disabled))
        .column(words("LAST OK").rank(2), last_success)
        .column(count("RUNS").rank(5), |row| counted(row, |state| state.successes + state.failures))
        .column(Column::number("FAILED"), |(state, ..)| failed(*state))
        .column(words("BUDGET TODAY").free().rank(6), move |(_, lane, _)| budgets::cell(lane.as_ref(), now))
        .column(words("LANE").rank(1), lane)
        .column(words("REASON").free().rank(7), move |(_, lane, _)| reason(lane.as_ref(), now))
}

/// The share of failures.
fn failed(state: Option<&ProviderState>) -> String {
    let rate = state.and_then(ProviderState::error_rate);
    rate.map_or_else(|| "-".to_owned(), |rate| units::share((rate * 1e3).round() / 1e3))
}

/// What a lane does, how much it has to do, and why it waits.
pub(super) fn lane_words(lane: &LaneReport, now: DateTime<Utc>) -> String {
    let because = reason(Some(lane), now);
    let because = if because.is_empty() { String::new() } else { format!(": {because}") };
    format!("{}, {} running, {} due{because}", json::word(&lane.state), lane.running, lane.due)
}

/// What is spent of a lane's budget of today; `-` without one.
pub(super) fn budget_words(lane: Option<&LaneReport>, now: DateTime<Utc>) -> String {
    budgets::cell(lane, now)
}

/// The reason for which a lane does not measure, and for how long.
fn reason(lane: Option<&LaneReport>, now: DateTime<Utc>) -> String {
    let until = lane.and_then(|lane| lane.until).filter(|until| *until > now);
    let reason = lane.and_then(|lane| lane.reason.as_deref()).map(text::one_line);
    let until = until.map(|until| format!("for {}", span(until - now)));
    reason.into_iter().chain(until).collect::<Vec<_>>().join(", ")
}

/// The daemon of this machine, its store and its outbox.
fn daemon(report: &StatusReport, view: &ReportView) -> Vec<String> {
    let now = report.as_of;
    let mut lines = Vec::new();
    if let Some(daemon_status) = &report.daemon_status {
        let doing = if daemon_status.stopping { ", stopping" } else { "" };
        lines.push(format!(
            "Daemon: {}, process {}, vantage {}, started {}, heard {}{doing}",
            text::one_line(&daemon_status.program),
            daemon_status.pid,
            text::one_line(&daemon_status.vantage),
            ago(daemon_status.started_at, now),
            ago(daemon_status.written_at, now),
        ));
        let oldest = daemon_status.outbox.oldest_at.map(|at| format!(", the oldest for {}", span(now - at)));
        lines.push(format!(
            "Outbox: {} wait{}, {} in quarantine",
            daemon_status.outbox.pending,
            oldest.unwrap_or_default(),
            daemon_status.outbox.quarantined,
        ));
        lines.extend(daemon_status.plan.as_ref().map(sampling_plan::sentence));
    }
    if let Some(store) = &report.store {
        let theirs = report.daemon_status.as_ref().map(|daemon_status| &daemon_status.store);
        let other = theirs.filter(|theirs| is_another(store, &theirs.name));
        let other =
            other.map(|theirs| format!("; this host's daemon writes to {}", text::one_line(&theirs.name)));
        let stored = theirs.and_then(|theirs| theirs.stored_at);
        let stored = stored.map(|at| format!(", stored a row {}", ago(at, now))).unwrap_or_default();
        lines.push(format!("Store: {}{}{stored}", text::one_line(store), other.unwrap_or_default()));
    }
    lines.iter().flat_map(|line| view.wrap(line)).collect()
}

/// True if a daemon's store is surely not this one: the daemon names a server without its database, and a file as it was given.
fn is_another(store: &str, theirs: &str) -> bool {
    let file = |name: &str| name.strip_prefix("sqlite:").map(|path| path.trim_start_matches("./").to_owned());
    match (file(store), file(theirs)) {
        (Some(this), Some(other)) => {
            !Path::new(&this).ends_with(&other) && !Path::new(&other).ends_with(&this)
        }
        _ => !theirs.is_empty() && store != theirs && !store.starts_with(&format!("{theirs}/")),
    }
}

fn heartbeats(report: &StatusReport, view: &ReportView) -> Vec<String> {
    // Heartbeats that a bridge wrote about a runner are shown in the table of runners.
    let told = |heartbeat: &&HeartbeatRow| {
        heartbeat.component.starts_with(COMPONENT) && heartbeat.details.get("last_seen_at").is_some()
    };
    let mut heartbeats: Vec<&HeartbeatRow> = report
        .fleet
        .iter()
        .flat_map(|fleet| &fleet.heartbeats)
        .filter(|heartbeat| !told(heartbeat))
        .collect();
    if heartbeats.is_empty() {
        return Vec::new();
    }
    // Lanes are many and already in the table above.
    heartbeats.sort_by_key(|heartbeat| heartbeat.component.starts_with("worker:"));
    let most = if view.verbose { usize::MAX } else { MOST_HEARTBEATS };
    let heard = |heartbeat: &&HeartbeatRow| {
        heartbeat.updated_at.map_or_else(|| "-".to_owned(), |at| ago(at, report.as_of))
    };
    let list = ListReport::new(&heartbeats)
        .column(Column::new("COMPONENT").free(), |heartbeat| heartbeat.component.clone())
        .column(Column::new("LAST HEARD"), heard)
        .column(Column::new("SAYS").free(), |heartbeat| says(heartbeat));
    let mut lines = list.first(most).headed(view);
    let left = heartbeats.len().saturating_sub(most);
    if left > 0 {
        lines.push(format!("and {left} more: llmbench status --wide"));
    }
    lines
}

/// Details on one line: names and plain values; nested values are counted.
fn says(heartbeat: &HeartbeatRow) -> String {
    if let Some(lane) = heartbeat.lane() {
        return format!(
            "{}: {} series, {} due, {} running",
            json::word(&lane.state),
            lane.series,
            lane.due,
            lane.running
        );
    }
    if let Some(daemon_status) = heartbeat.daemon_status() {
        return format!(
            "{}: {} wait in the outbox, {} in quarantine, started {}",
            text::one_line(&daemon_status.program),
            daemon_status.outbox.pending,
            daemon_status.outbox.quarantined,
            ago(daemon_status.started_at, heartbeat.updated_at.unwrap_or(daemon_status.written_at)),
        );
    }
    match &heartbeat.details {
        Value::Object(fields) => {
            let one = |(name, value): (&String, &Value)| match value {
                Value::Object(inner) => format!("{}: {} fields", text::one_line(name), inner.len()),
                Value::Array(items) => format!("{}: {} items", text::one_line(name), items.len()),
                plain => format!("{}: {}", text::one_line(name), row_fields::value(plain)),
            };
            fields.iter().map(one).collect::<Vec<_>>().join(", ")
        }
        Value::Null => String::new(),
        other => row_fields::value(other),
    }
}
