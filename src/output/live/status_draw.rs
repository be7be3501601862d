//! How `status --watch` is drawn: header, list, lanes, errors, changes, keys; or the page of one model, or the help. Pure.

use super::list::ListLine;
use super::page::{Page, Tint};
use super::spark::{held, over_time};
use super::status_view::{StatusView, WINDOW};
use super::table::{TableLayout, TableRow, failed_of};
use crate::domain::ModelRef;
use crate::domain::daemon_status::{LaneActivity, LaneReport, ProblemSeverity};
use crate::domain::fleet::ProviderState;
use crate::domain::window::{ago, span};
use crate::output::status::{StatusReport, lane_words};
use crate::output::{changes, text, units};
use chrono::{DateTime, Utc};
use ratatui::Frame;
use std::collections::BTreeMap;

/// What the keys do, and how the figures are meant.
const HELP: [&str; 18] = [
    "Keys",
    "  j, k, arrows       move; Page Up, Page Down, g, G go further",
    "  s                  sort: name, TTFT, tokens/s, failures, newest",
    "  /                  show what holds these letters; Esc clears",
    "  Enter              one model: days of TTFT and tokens/s, changes",
    "  Esc                back",
    "  Ctrl-L             draw everything anew",
    "  q, Ctrl-C          quit; the last report stays on the screen",
    "",
    "TTFT and TOK/S are medians of the last five successes, each bar the",
    "median of its part of the last six hours, from zero to the greatest",
    "of its line; it stands for half an hour at most. FAILED counts the",
    "failures of these hours. A model is here if anything was stored of it.",
    "",
    "Where the store is away the picture stays, and the header says how",
    "old it is.",
    "",
    "Any key goes back.",
];

pub fn draw(view: &mut StatusView, frame: &mut Frame<'_>, now: DateTime<Utc>) {
    let terminal = view.terminal;
    let Some(mut page) = Page::new(frame, &terminal) else { return };
    if view.help {
        HELP.iter().for_each(|line| page.line(line, Tint::Plain));
        return;
    }
    if let Some(chart) = &view.chart {
        chart.draw(&mut page, now);
        page.leave_below(1);
        page.line("Esc back  ? help  q quit", Tint::Quiet);
        return;
    }
    header(view, &mut page, now);
    let lanes = lane_lines(view, page.width(), now);
    let open = view.report.as_ref().and_then(|report| report.open_changes.as_deref()).unwrap_or_default();
    // The list has what the sections below leave, and at least three lines with its titles.
    let most = page.height() / 8;
    let lanes = &lanes[..lanes.len().min(most.clamp(1, 3))];
    let failures = view.failures.len().clamp(1, most.max(1));
    let told = open.len().min(most.clamp(1, 3));
    let below = (lanes.len() + failures + told).min(page.rest().saturating_sub(5)) + 1;
    list(view, &mut page, below, now);
    page.leave_below(below);
    let keys_at = 1;
    for line in lanes {
        if page.rest() > keys_at {
            page.line(line, Tint::Plain);
        }
    }
    errors(view, &mut page, failures, now);
    let open = view.report.as_ref().and_then(|report| report.open_changes.as_deref()).unwrap_or_default();
    for change in open.iter().take(told) {
        if page.rest() > keys_at {
            let model = &change.series.model;
            let said = format!("change  {model} {}", changes::sentence(change, page.unicode));
            page.line(&said, Tint::Doubtful);
        }
    }
    page.leave_below(1);
    foot(view, &mut page, open.len());
}

/// Health in words, the store, this machine's daemon, budgets.
fn header(view: &StatusView, page: &mut Page<'_>, now: DateTime<Utc>) {
    let clock = now.format("%H:%M:%S UTC").to_string();
    let Some(report) = &view.report else {
        page.parts(&[("llmbench status  ", Tint::Heading), (&clock, Tint::Plain)]);
        page.line("looking ...", Tint::Quiet);
        return;
    };
    let is_unheard = view.store.at.is_none() && view.store.error.is_none() && !view.store.is_bridge;
    let (health, tint) = match report.problems.is_empty() && is_unheard {
        true => ("asking the store ...".to_owned(), Tint::Quiet),
        false => health(report),
    };
    page.parts(&[
        ("llmbench status  ", Tint::Heading),
        (&clock, Tint::Plain),
        ("  ", Tint::Plain),
        (&health, tint),
    ]);
    let most = (page.height() / 8).max(1);
    for problem in report.problems.iter().take(most) {
        let tint = if problem.severity == ProblemSeverity::Unhealthy { Tint::Bad } else { Tint::Doubtful };
        let command = problem.command.as_ref().map(|command| format!(" ({command})")).unwrap_or_default();
        let sentence = text::one_line(&problem.sentence);
        page.line(&format!("{}: {sentence}{command}", problem.severity.as_str()), tint);
    }
    let left = report.problems.len().saturating_sub(most);
    if left > 0 {
        page.line(&format!("and {left} more: llmbench status"), Tint::Quiet);
    }
    for (line, tint) in [store_line(view, report, now), daemon_line(report, now)].into_iter().flatten() {
        page.line(&line, tint);
    }
    if let Some(budgets) = budgets(report) {
        page.line(&format!("budget today  {budgets}"), Tint::Plain);
    }
}

fn health(report: &StatusReport) -> (String, Tint) {
    let wrong =
        |count: usize| if count == 1 { "one thing is".to_owned() } else { format!("{count} things are") };
    match (report.problems.len(), report.healthy()) {
        (0, _) => ("all is well".to_owned(), Tint::Good),
        (count, true) => (format!("degraded: {} wrong", wrong(count)), Tint::Doubtful),
        (count, false) => (format!("unhealthy: {} wrong", wrong(count)), Tint::Bad),
    }
}

fn store_line(view: &StatusView, report: &StatusReport, now: DateTime<Utc>) -> Option<(String, Tint)> {
    let name = report.store.as_deref().map_or_else(|| "store".to_owned(), |name| format!("store {name}"));
    let name = text::one_line(&name);
    let told = &view.store;
    let remark = told.remark.as_ref().map(|remark| format!("; {remark}")).unwrap_or_default();
    match (&told.error, told.at) {
        (None, None) => (!told.is_bridge).then(|| (format!("{name} has not answered yet"), Tint::Quiet)),
        (Some(_), _) if told.is_bridge => None,
        (None, Some(at)) => {
            let took = units::seconds(told.took.as_secs_f64(), view.terminal.unicode);
            Some((format!("{name}, asked {} in {took}{remark}", ago(at, now)), Tint::Plain))
        }
        (Some(error), at) => {
            let old = at.map(|at| format!("; this picture is {} old", span(now - at))).unwrap_or_default();
            Some((format!("{name} is away{old}: {}", text::one_line(error)), Tint::Bad))
        }
    }
}

fn daemon_line(report: &StatusReport, now: DateTime<Utc>) -> Option<(String, Tint)> {
    let told = report.daemon_status.as_ref()?;
    let wait = if told.outbox.pending == 1 { "row waits" } else { "rows wait" };
    let aside = match told.outbox.quarantined {
        0 => String::new(),
        count => format!(", {count} in quarantine"),
    };
    let line = format!(
        "daemon {} of {}, heard {}{}, outbox: {} {wait}{aside}",
        told.pid,
        text::one_line(&told.vantage),
        ago(told.written_at, now),
        if told.stopping { ", stopping" } else { "" },
        units::grouped(told.outbox.pending),
    );
    Some((line, Tint::Plain))
}

/// Of each lane with a budget, what is used of it.
fn budgets(report: &StatusReport) -> Option<String> {
    let rows = report.rows();
    let one = |(_, lane, name): &(Option<&ProviderState>, Option<LaneReport>, String)| {
        let cell = crate::output::status::budget_words(lane.as_ref(), report.as_of);
        (cell != "-").then(|| format!("{}: {cell}", text::one_line(name)))
    };
    let said: Vec<String> = rows.iter().filter_map(one).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// Titles, and as many lines as the sections below leave room for.
fn list(view: &mut StatusView, page: &mut Page<'_>, below: usize, now: DateTime<Utc>) {
    let layout = TableLayout::of(page.width());
    page.line(&layout.header("LAST OK", page.unicode), Tint::Heading);
    let lines = view.lines();
    let height = page.rest().saturating_sub(below);
    view.list_height = height;
    let selected = view.list.position(&lines);
    let window = view.list.window(&lines, height);
    if lines.is_empty() && height > 0 {
        let nothing = match (&view.report, view.list.filter.is_empty()) {
            (None, _) => "",
            (_, false) => "  no model has these letters; Esc shows all",
            (_, true) => "  nothing was stored in the last six hours",
        };
        page.line(nothing, Tint::Quiet);
    }
    let providers = provider_rows(view);
    for place in window {
        match &lines[place] {
            ListLine::Provider(name) => {
                let mark = if place == selected { "> " } else { "  " };
                let said = providers.get(name).map(String::as_str).unwrap_or_default();
                page.parts(&[
                    (mark, Tint::Plain),
                    (&text::one_line(name), Tint::Heading),
                    ("  ", Tint::Plain),
                    (said, Tint::Quiet),
                ]);
            }
            ListLine::Model(model) => {
                let row = model_row(view, model, &layout, place == selected, now);
                page.line(&layout.row(&row, page.unicode), Tint::Plain);
            }
        }
        if place == selected {
            page.reverse();
        }
    }
}

/// What stands beside the name of each provider.
fn provider_rows(view: &StatusView) -> BTreeMap<String, String> {
    let Some(report) = &view.report else { return BTreeMap::new() };
    let told = |(state, lane, name): (Option<&ProviderState>, Option<LaneReport>, String)| {
        let counts = state.map(|state| {
            let late = [(state.stale, "stale"), (state.critical, "critical"), (state.never_run, "never run")];
            let late =
                late.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!(", {count} {word}"));
            format!("{} of {} fresh{}", state.fresh, state.enabled, late.collect::<String>())
        });
        let lane = lane.map(|lane| lane_words(&lane, report.as_of));
        (name, counts.into_iter().chain(lane).collect::<Vec<_>>().join("; "))
    };
    report.rows().into_iter().map(told).collect()
}

fn model_row(
    view: &StatusView,
    model: &ModelRef,
    layout: &TableLayout,
    selected: bool,
    now: DateTime<Utc>,
) -> TableRow {
    let Some(series) = view.series.get(model) else { return TableRow::default() };
    let (ttft, rate) = series.now();
    let (from, to) = ((now - WINDOW).timestamp_millis(), now.timestamp_millis());
    let half_hour = layout.spark * 30 / usize::try_from(WINDOW.num_minutes()).unwrap_or(usize::MAX);
    let newest = series.newest().and_then(DateTime::from_timestamp_millis);
    TableRow {
        name: model.model_id.clone(),
        selected,
        ttft,
        rate,
        sparks: [
            held(over_time(series.ttfts(), from, to, layout.spark), half_hour),
            held(over_time(series.rates(), from, to, layout.spark), half_hour),
        ],
        failed: failed_of(series.failed(), series.ended()),
        last: newest.map_or_else(|| "-".to_owned(), |at| ago(at, now)),
    }
}

/// What is measured now, and why lanes wait.
fn lane_lines(view: &StatusView, width: usize, now: DateTime<Utc>) -> Vec<String> {
    let Some(report) = &view.report else { return Vec::new() };
    let lanes: Vec<LaneReport> = report.rows().into_iter().filter_map(|(_, lane, _)| lane).collect();
    if lanes.is_empty() {
        return vec!["lanes   none is known: no daemon was heard".to_owned()];
    }
    let running = lanes.iter().filter(|lane| lane.running > 0);
    let mut said: Vec<String> = running
        .map(|lane| format!("{} measures {} now", text::one_line(&lane.provider), lane.running))
        .collect();
    let quiet = [LaneActivity::Idle, LaneActivity::Producing];
    let waiting = lanes.iter().filter(|lane| !quiet.contains(&lane.state));
    said.extend(waiting.map(|lane| format!("{} {}", text::one_line(&lane.provider), lane_words(lane, now))));
    let due: u64 = lanes.iter().map(|lane| lane.due).sum();
    if said.is_empty() {
        said.push("nothing is measured at this moment".to_owned());
    }
    said.push(format!("{} due", units::grouped(due)));
    let lines = text::wrap(&said.join("; "), width.saturating_sub(8), 0);
    let led = |(place, line): (usize, String)| {
        format!("{}{line}", if place == 0 { "lanes   " } else { "        " })
    };
    lines.into_iter().enumerate().map(led).collect()
}

fn errors(view: &StatusView, page: &mut Page<'_>, most: usize, now: DateTime<Utc>) {
    if view.failures.is_empty() && page.rest() > 1 {
        page.line("errors  none in the last six hours", Tint::Plain);
    }
    for failure in view.failures.iter().rev().take(most) {
        if page.rest() > 1 {
            let (kind, message) = (text::one_line(&failure.kind), text::one_line(&failure.message));
            let model = text::one_line(&failure.model.to_string());
            page.line(&format!("error   {}: {model} {kind}: {message}", ago(failure.at, now)), Tint::Bad);
        }
    }
}

fn foot(view: &StatusView, page: &mut Page<'_>, open: usize) {
    let list = &view.list;
    if list.typing {
        page.line(&format!("/{}_  Enter keeps it, Esc shows all", list.filter), Tint::Heading);
        return;
    }
    let filter =
        if list.filter.is_empty() { "/ filter".to_owned() } else { format!("/{} (Esc: all)", list.filter) };
    let open =
        if open == 0 { String::new() } else { format!("  {} open", units::counted(open as u64, "change")) };
    let keys = format!("? help  q quit  s sort: {}  {filter}  Enter chart{open}", list.sort.as_str());
    page.line(&keys, Tint::Quiet);
}
