//! Formats remote runners that post through a bridge: the time since their last message, and their own reports.

use super::{ReportView, ago};
use crate::domain::runner::{RunnerLiveness, RunnerState};
use crate::output::json::time;
use crate::output::list_report::{Column, ListReport};
use crate::output::text;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// The table; retired runners only if everything is requested. Without runners it is empty.
pub fn lines(runners: &[RunnerState], view: &ReportView, now: DateTime<Utc>) -> Vec<String> {
    let shown = runners.iter().filter(|one| view.verbose || one.liveness(now) != RunnerLiveness::Retired);
    let shown: Vec<&RunnerState> = shown.collect();
    if shown.is_empty() {
        return Vec::new();
    }
    list(&shown, now).headed(view)
}

fn list<'a>(runners: &'a [&'a RunnerState], now: DateTime<Utc>) -> ListReport<'a, &'a RunnerState> {
    let when = move |at: Option<DateTime<Utc>>| at.map_or_else(|| "-".to_owned(), |at| ago(at, now));
    let providers =
        |names: &Option<Vec<String>>| names.as_ref().map_or("all".to_owned(), |all| all.join(", "));
    let clock = |seconds: f64| format!("{seconds:+.1} s");
    ListReport::new(runners)
        .column(Column::new("RUNNER").free(), |runner| runner.runner.clone())
        .column(Column::new("STATE"), move |runner| runner.liveness(now).as_str().to_owned())
        .column(Column::new("PROVIDERS").free().rank(2), move |runner| {
            text::one_line(&providers(&runner.providers))
        })
        .column(Column::new("HEARD"), move |runner| when(runner.last_seen_at))
        .column(Column::new("STORED").rank(1), move |runner| when(runner.last_stored_at))
        .column(Column::number("WAITING").rank(3), |runner| {
            runner.backlog.map(|rows| rows.to_string()).unwrap_or_default()
        })
        .column(Column::number("CLOCK").rank(4), move |runner| {
            runner.clock_offset_seconds.map(clock).unwrap_or_default()
        })
        .column(Column::new("PROGRAM").free().rank(5), |runner| {
            runner.version.as_deref().map(text::one_line).unwrap_or_default()
        })
}

pub fn document(runner: &RunnerState, now: DateTime<Utc>) -> Value {
    json!({
        "runner": runner.runner,
        "state": runner.liveness(now),
        "keys": runner.keys,
        "providers": runner.providers,
        "last_seen_at": runner.last_seen_at.map(time),
        "last_stored_at": runner.last_stored_at.map(time),
        "version": runner.version,
        "clock_offset_seconds": runner.clock_offset_seconds,
        "backlog": runner.backlog,
        "interval_seconds": runner.interval_seconds,
    })
}
