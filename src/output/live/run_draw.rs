//! How `run --live` is drawn: progress and time left, models, what is in flight, errors, notes, keys. Pure.

use super::list::ListLine;
use super::live_run::ModelCounters;
use super::page::{Page, Tint};
use super::run_view::RunView;
use super::spark::newest;
use super::table::{TableLayout, TableRow, failed_of};
use crate::domain::ModelRef;
use crate::domain::window::span;
use crate::output::{text, units};
use chrono::{DateTime, TimeDelta, Utc};
use ratatui::Frame;
use std::sync::atomic::Ordering;

/// What the keys do, and how the figures are meant.
const HELP: [&str; 17] = [
    "Keys",
    "  j, k, arrows       move; Page Up, Page Down, g, G go further",
    "  s                  sort: name, TTFT, tokens/s, failures, newest",
    "  /                  show what holds these letters; Esc clears",
    "  Enter              one model: TTFT and tokens/s of this run",
    "  Esc                back",
    "  Ctrl-L             draw everything anew",
    "  q                  stop the run, after a question; Ctrl-C: at once",
    "",
    "TTFT and TOK/S are medians of the last five successes; each bar is one",
    "success, the newest at the right, from zero to the greatest of its",
    "line. The table at the end counts every run.",
    "",
    "The view is drawn by a thread that gives way to everything else; no",
    "request waits for it.",
    "",
    "Any key goes back.",
];

pub fn draw(view: &mut RunView, frame: &mut Frame<'_>, now: DateTime<Utc>) {
    let terminal = view.terminal;
    let Some(mut page) = Page::new(frame, &terminal) else { return };
    if view.help {
        HELP.iter().for_each(|line| page.line(line, Tint::Plain));
    } else if let Some(chart) = view.chart() {
        chart.draw(&mut page, now);
        page.leave_below(1);
        page.line(question(view).unwrap_or("Esc back  ? help  q stop the run"), Tint::Quiet);
    } else {
        overview(view, &mut page, now);
    }
}

fn overview(view: &mut RunView, page: &mut Page<'_>, now: DateTime<Utc>) {
    let totals = LiveTotals::of(view);
    header(view, page, &totals, now);
    let most = (page.height() / 8).max(1);
    let notes = view.notes.len().min(most);
    let failures = view.failures.len().clamp(1, most);
    let below = (1 + failures + notes).min(page.rest().saturating_sub(5)) + 1;
    list(view, page, below);
    page.leave_below(below);
    if page.rest() > 1 {
        page.line(&in_flight(view, &totals), Tint::Plain);
    }
    if view.failures.is_empty() && page.rest() > 1 {
        page.line("errors  none", Tint::Plain);
    }
    for failure in view.failures.iter().rev().take(failures) {
        if page.rest() > 1 {
            let model = text::one_line(&failure.model.to_string());
            let said = format!("error   {}: {model} {}", failure.at.format("%H:%M:%S"), failure.kind);
            page.line(&format!("{said}: {}", text::one_line(&failure.message)), Tint::Bad);
        }
    }
    for note in view.notes.iter().rev().take(notes) {
        if page.rest() > 1 {
            page.line(&format!("note    {}", text::one_line(note)), Tint::Doubtful);
        }
    }
    page.leave_below(1);
    foot(view, page);
}

/// Sums over all models.
struct LiveTotals {
    ended: u64,
    failed: u64,
    in_flight: u64,
    missed: u64,
}

impl LiveTotals {
    fn of(view: &RunView) -> Self {
        let models = &view.counters.models;
        Self {
            ended: models.iter().map(|model| model.ended.load(Ordering::Relaxed)).sum(),
            failed: models.iter().map(|model| model.failed.load(Ordering::Relaxed)).sum(),
            in_flight: models.iter().map(|model| model.in_flight.load(Ordering::Relaxed)).sum(),
            missed: view.counters.missed.load(Ordering::Relaxed),
        }
    }
}

fn header(view: &RunView, page: &mut Page<'_>, totals: &LiveTotals, now: DateTime<Utc>) {
    let clock = now.format("%H:%M:%S UTC  ").to_string();
    let doing = if view.is_stopping { "stopping ...  " } else { "" };
    let title = text::one_line(&view.plan.title) + "  ";
    page.parts(&[
        ("llmbench run  ", Tint::Heading),
        (doing, Tint::Doubtful),
        (&title, Tint::Plain),
        (&clock, Tint::Plain),
    ]);
    let of = view.plan.requests.map(|all| format!(" of {}", units::grouped(all))).unwrap_or_default();
    let elapsed = (now - view.plan.started_at).max(TimeDelta::zero());
    let left = left(view, totals.ended, elapsed);
    let said_left = left.map(|left| format!(", about {} left", span(left))).unwrap_or_default();
    let line = format!(
        "{}{of} ended, {} failed, {} in flight; {}{said_left}",
        units::grouped(totals.ended),
        units::grouped(totals.failed),
        totals.in_flight,
        span(elapsed),
    );
    page.line(&line, Tint::Plain);
    if let Some(share) = share(view, totals.ended, elapsed) {
        page.line(&bar(share, page.width(), page.unicode), Tint::Plain);
    }
    if totals.missed > 0 {
        let missed = units::counted(totals.missed, "event");
        page.line(
            &format!("{missed} came too fast to be drawn; the table at the end has all"),
            Tint::Doubtful,
        );
    }
}

/// The share of the run that is over, by requests or by time, whichever is further.
fn share(view: &RunView, ended: u64, elapsed: TimeDelta) -> Option<f64> {
    let by_count = view.plan.requests.map(|all| ended as f64 / all.max(1) as f64);
    let by_time =
        view.plan.duration.map(|all| elapsed.as_seconds_f64() / all.as_secs_f64().max(f64::MIN_POSITIVE));
    let share = by_count.into_iter().chain(by_time).reduce(f64::max)?;
    Some(share.clamp(0.0, 1.0))
}

/// The time that is left, if what comes takes as long as what was; `None` if nobody can know.
fn left(view: &RunView, ended: u64, elapsed: TimeDelta) -> Option<TimeDelta> {
    let by_count = view
        .plan
        .requests
        .filter(|_| ended > 0)
        .map(|all| elapsed.as_seconds_f64() / ended as f64 * all.saturating_sub(ended) as f64);
    let by_time = view.plan.duration.map(|all| (all.as_secs_f64() - elapsed.as_seconds_f64()).max(0.0));
    let seconds = by_count.into_iter().chain(by_time).reduce(f64::min)?;
    TimeDelta::try_milliseconds((seconds.min(1e9) * 1e3) as i64)
}

fn bar(share: f64, width: usize, unicode: bool) -> String {
    let room = width.saturating_sub(8);
    let full = ((share * room as f64) as usize).min(room);
    let (done, rest) = if unicode { ("█", "·") } else { ("#", ".") };
    format!("{}{} {:>5}", done.repeat(full), rest.repeat(room - full), format!("{:.0} %", share * 100.0))
}

fn list(view: &mut RunView, page: &mut Page<'_>, below: usize) {
    let layout = TableLayout::of(page.width());
    page.line(&layout.header("ENDED", page.unicode), Tint::Heading);
    let lines = view.lines();
    let height = page.rest().saturating_sub(below);
    view.list_height = height;
    let selected = view.list.position(&lines);
    let window = view.list.window(&lines, height);
    if lines.is_empty() && height > 0 {
        page.line("  no model has these letters; Esc shows all", Tint::Quiet);
    }
    for place in window {
        match &lines[place] {
            ListLine::Provider(name) => {
                let mark = if place == selected { "> " } else { "  " };
                page.parts(&[(mark, Tint::Plain), (&text::one_line(name), Tint::Heading)]);
            }
            ListLine::Model(model) => {
                let planned = view.plan.models.iter().position(|planned| planned == model).unwrap_or(0);
                let row = model_row(view, planned, &layout, place == selected);
                page.line(&layout.row(&row, page.unicode), Tint::Plain);
            }
        }
        if place == selected {
            page.reverse();
        }
    }
}

fn model_row(view: &RunView, place: usize, layout: &TableLayout, selected: bool) -> TableRow {
    let (series, counters) = (&view.series[place], &view.counters.models[place]);
    let (ttft, rate) = series.now();
    let (ended, running) =
        (counters.ended.load(Ordering::Relaxed), counters.in_flight.load(Ordering::Relaxed));
    let now = if running > 0 { format!(" +{running}") } else { String::new() };
    TableRow {
        name: view.plan.models[place].model_id.clone(),
        selected,
        ttft,
        rate,
        sparks: [
            newest(series.ttfts().map(|(_, value)| value), layout.spark),
            newest(series.rates().map(|(_, value)| value), layout.spark),
        ],
        failed: failed_of(counters.failed.load(Ordering::Relaxed), ended),
        last: format!("{}{now}", units::grouped(ended)),
    }
}

/// The models that are asked now.
fn in_flight(view: &RunView, totals: &LiveTotals) -> String {
    if totals.in_flight == 0 {
        return "now     nothing is in flight".to_owned();
    }
    let models = view.plan.models.iter().zip(&view.counters.models);
    let one = |(model, counters): (&ModelRef, &ModelCounters)| {
        let running = counters.in_flight.load(Ordering::Relaxed);
        let times = if running > 1 { format!(" ({running})") } else { String::new() };
        (running > 0).then(|| format!("{}{times}", text::one_line(&model.to_string())))
    };
    format!("now     {}", models.filter_map(one).collect::<Vec<_>>().join(", "))
}

/// The question that is open.
fn question(view: &RunView) -> Option<&'static str> {
    view.asks_to_stop.then_some("Stop this run? y stops it and keeps what has ended; any other key goes on.")
}

fn foot(view: &RunView, page: &mut Page<'_>) {
    if let Some(question) = question(view) {
        return page.line(question, Tint::Heading);
    }
    let list = &view.list;
    if list.typing {
        return page.line(&format!("/{}_  Enter keeps it, Esc shows all", list.filter), Tint::Heading);
    }
    let filter =
        if list.filter.is_empty() { "/ filter".to_owned() } else { format!("/{} (Esc: all)", list.filter) };
    page.line(&format!("? help  q stop  s sort: {}  {filter}  Enter chart", list.sort.as_str()), Tint::Quiet);
}
