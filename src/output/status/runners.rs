//! Remote runners: who posts through a bridge, how long ago it was heard, and what it said of itself.

use super::{ReportView, ago};
use crate::domain::runner::{RunnerLiveness, RunnerState};
use crate::output::grid::{self, Column};
use crate::output::json::time;
use crate::output::text;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

const RUNNERS: [Column; 8] = [
    Column::new("RUNNER").free(),
    Column::new("STATE"),
    Column::new("PROVIDERS").free().rank(2),
    Column::new("HEARD"),
    Column::new("STORED").rank(1),
    Column::number("WAITING").rank(3),
    Column::number("CLOCK").rank(4),
    Column::new("PROGRAM").free().rank(5),
];

/// The table; runners that are retired only where everything is wanted. Without runners there are no lines.
pub fn lines(runners: &[RunnerState], view: &ReportView, now: DateTime<Utc>) -> Vec<String> {
    let shown = runners.iter().filter(|one| view.verbose || one.liveness(now) != RunnerLiveness::Retired);
    let rows: Vec<Vec<String>> = shown.map(|runner| row(runner, now)).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let mut lines = grid::lines(&RUNNERS, &rows, view.limit(), view.terminal.unicode);
    lines[0] = view.paint().heading(&lines[0]);
    lines
}

fn row(runner: &RunnerState, now: DateTime<Utc>) -> Vec<String> {
    let when = |at: Option<DateTime<Utc>>| at.map_or_else(|| "-".to_owned(), |at| ago(at, now));
    let providers = runner.providers.as_ref().map_or_else(|| "all".to_owned(), |names| names.join(", "));
    vec![
        text::escape(&runner.runner),
        runner.liveness(now).as_str().to_owned(),
        text::one_line(&providers),
        when(runner.last_seen_at),
        when(runner.last_stored_at),
        runner.backlog.map(|rows| rows.to_string()).unwrap_or_default(),
        runner.clock_offset_seconds.map(|seconds| format!("{seconds:+.1} s")).unwrap_or_default(),
        runner.version.as_deref().map(text::one_line).unwrap_or_default(),
    ]
}

/// A runner for programs.
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
