//! How measuring goes, for people: what is wrong first, then each provider, remote runners, the daemon, and what every part
//! said last.
//! Text only: what was found goes in.

pub mod json;
pub mod live;
mod runners;
#[cfg(test)]
mod tests;

use super::color::Paint;
use super::grid::{self, Column};
use super::{ReportView, row_fields, text, units};
use crate::domain::daemon_status::{DaemonProblem, DaemonStatus, LaneReport, ProblemSeverity};
use crate::domain::fleet::{Fleet, HeartbeatRow, ProviderState};
use crate::domain::runner::{COMPONENT, RunnerState};
use crate::domain::window::{ago, span};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeMap;

/// How many heartbeats are shown where not all are wanted.
const MOST_HEARTBEATS: usize = 16;

/// How many of the reasons for trouble.
const MOST_PROBLEMS: usize = 12;

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusReport {
    /// When.
    pub as_of: DateTime<Utc>,
    /// The worst first.
    pub problems: Vec<DaemonProblem>,
    /// The store without any secret, where it was opened.
    pub store: Option<String>,
    /// What the store knows, where it answered.
    pub fleet: Option<Fleet>,
    /// The pulse of this machine's daemon, where there is one.
    pub daemon_status: Option<DaemonStatus>,
}

impl StatusReport {
    /// Leaves what is about these providers, or about none; all of it where there are no names.
    #[must_use]
    pub fn only(mut self, providers: &[String]) -> Self {
        if providers.is_empty() {
            return self;
        }
        let wanted = |name: &String| providers.contains(name);
        let mut kept = ["daemon", "store", "outbox"].map(str::to_owned).to_vec();
        if let Some(fleet) = &mut self.fleet {
            fleet.providers.retain(|state| wanted(&state.provider));
            fleet.runners.retain(|runner| runner.covers(providers));
            kept.extend(fleet.runners.iter().map(RunnerState::component));
        }
        self.problems.retain(|problem| wanted(&problem.subject) || kept.contains(&problem.subject));
        if let Some(daemon_status) = &mut self.daemon_status {
            daemon_status.lanes.retain(|lane| wanted(&lane.provider));
        }
        self
    }

    /// Whether it does what it is there for.
    pub fn healthy(&self) -> bool {
        self.problems.iter().all(|problem| problem.severity < ProblemSeverity::Unhealthy)
    }

    /// Every provider that anybody knows, with its lane: of this machine's daemon, else of another one.
    fn rows(&self) -> Vec<(Option<&ProviderState>, Option<LaneReport>, String)> {
        let mut lanes: BTreeMap<String, LaneReport> = BTreeMap::new();
        let elsewhere = self.fleet.iter().flat_map(|fleet| fleet.lanes(self.as_of));
        for lane in
            elsewhere.chain(self.daemon_status.iter().flat_map(|daemon_status| daemon_status.lanes.clone()))
        {
            lanes.insert(lane.provider.clone(), lane);
        }
        let states = self.fleet.iter().flat_map(|fleet| &fleet.providers);
        let mut rows: Vec<_> = states
            .map(|state| (Some(state), lanes.remove(&state.provider), state.provider.clone()))
            .collect();
        // Where the store does not answer, lanes are all there is.
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
        runners::lines(known, view, report.as_of),
        daemon(report, view),
        heartbeats(report, view),
    ];
    let shown = parts.iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n"));
    shown.collect::<Vec<_>>().join("\n\n") + "\n"
}

/// The reasons alone, one a line.
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

/// What to type, and where to read on.
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

const PROVIDERS: [Column; 13] = [
    Column::new("PROVIDER").free(),
    Column::number("ON"),
    Column::number("FRESH"),
    Column::number("STALE").rank(3),
    Column::number("CRITICAL"),
    Column::number("NEVER").rank(3),
    Column::number("PROBING").rank(6),
    Column::number("OFF").rank(4),
    Column::new("LAST OK").rank(2),
    Column::number("RUNS").rank(5),
    Column::number("FAILED"),
    Column::new("LANE").rank(1),
    Column::new("REASON").free().rank(7),
];

fn providers(report: &StatusReport, view: &ReportView) -> Vec<String> {
    let rows = report.rows();
    if rows.is_empty() {
        return Vec::new();
    }
    let mut total = ProviderState { provider: "all".to_owned(), ..ProviderState::default() };
    for (state, ..) in &rows {
        add(&mut total, state.unwrap_or(&ProviderState::default()));
    }
    let mut cells: Vec<Vec<String>> =
        rows.iter().map(|(state, lane, name)| row(*state, lane.as_ref(), name, report.as_of)).collect();
    if rows.len() > 1 && report.fleet.is_some() {
        cells.push(row(Some(&total), None, &total.provider, report.as_of));
    }
    // A column that says nothing anywhere takes no room.
    let says = |place: usize| cells.iter().any(|cells| !["", "0", "-"].contains(&cells[place].as_str()));
    let kept: Vec<usize> =
        (0..PROVIDERS.len()).filter(|place| PROVIDERS[*place].rank == 0 || says(*place)).collect();
    let columns: Vec<Column> = kept.iter().map(|place| PROVIDERS[*place]).collect();
    let cells: Vec<Vec<String>> =
        cells.iter().map(|row| kept.iter().map(|place| row[*place].clone()).collect()).collect();
    let mut lines = grid::lines(&columns, &cells, view.limit(), view.terminal.unicode);
    lines[0] = view.paint().heading(&lines[0]);
    lines
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

fn row(
    state: Option<&ProviderState>,
    lane: Option<&LaneReport>,
    name: &str,
    now: DateTime<Utc>,
) -> Vec<String> {
    let count = |count: fn(&ProviderState) -> u64| {
        state.map_or_else(|| "-".to_owned(), |state| count(state).to_string())
    };
    let rate = state.and_then(ProviderState::error_rate);
    let until = lane.and_then(|lane| lane.until).filter(|until| *until > now);
    let reason = lane.and_then(|lane| lane.reason.as_deref()).map(text::one_line);
    let until = until.map(|until| format!("for {}", span(until - now)));
    vec![
        if name.is_empty() { "-".to_owned() } else { text::escape(name) },
        count(|state| state.enabled),
        count(|state| state.fresh),
        count(|state| state.stale),
        count(|state| state.critical),
        count(|state| state.never_run),
        count(|state| state.probing),
        count(|state| state.disabled),
        state.and_then(|state| state.last_success_at).map_or_else(|| "-".to_owned(), |at| ago(at, now)),
        count(|state| state.successes + state.failures),
        rate.map_or_else(|| "-".to_owned(), |rate| units::share((rate * 1e3).round() / 1e3)),
        lane.map_or_else(|| "-".to_owned(), |lane| json::word(&lane.state)),
        reason.into_iter().chain(until).collect::<Vec<_>>().join(", "),
    ]
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
    }
    if let Some(store) = &report.store {
        let stored = report.daemon_status.as_ref().and_then(|daemon_status| daemon_status.store.stored_at);
        let stored = stored.map(|at| format!(", stored a row {}", ago(at, now))).unwrap_or_default();
        lines.push(format!("Store: {}{stored}", text::one_line(store)));
    }
    lines.iter().flat_map(|line| view.wrap(line)).collect()
}

const HEARTBEATS: [Column; 3] =
    [Column::new("COMPONENT").free(), Column::new("LAST HEARD"), Column::new("SAYS").free()];

fn heartbeats(report: &StatusReport, view: &ReportView) -> Vec<String> {
    // What a bridge wrote of a runner stands in the table of runners.
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
    // Lanes are many and stand in the table above.
    heartbeats.sort_by_key(|heartbeat| heartbeat.component.starts_with("worker:"));
    let most = if view.verbose { usize::MAX } else { MOST_HEARTBEATS };
    let row = |heartbeat: &&HeartbeatRow| {
        let heard = heartbeat.updated_at.map_or_else(|| "-".to_owned(), |at| ago(at, report.as_of));
        vec![text::escape(&heartbeat.component), heard, says(heartbeat)]
    };
    let rows: Vec<Vec<String>> = heartbeats.iter().take(most).map(row).collect();
    let mut lines = grid::lines(&HEARTBEATS, &rows, view.limit(), view.terminal.unicode);
    lines[0] = view.paint().heading(&lines[0]);
    let left = heartbeats.len().saturating_sub(most);
    if left > 0 {
        lines.push(format!("and {left} more: llmbench status --wide"));
    }
    lines
}

/// Details as they are, in a line: names and plain values, what is inside of others counted.
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
