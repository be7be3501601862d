//! The newest runs as a list. The rows are stored ones, of this program or another: see [`super::stored`].

use super::grid::{self, Column};
use super::{csv, stored, text, units, view::View};
use chrono::Datelike;
use serde_json::{Map, Value, json};

/// The name and version of the list's document.
pub const LIST: &str = "llmbench.results.list/1";

const COLUMNS: [Column; 9] = [
    Column::new("STARTED"),
    Column::new("MODEL").free(),
    Column::number("TTFT"),
    Column::number("TOK/S").rank(1),
    Column::number("TOKENS").rank(4),
    Column::number("TOTAL").rank(3),
    Column::new("FINISH").rank(5),
    Column::new("ROLE").rank(6),
    Column::new("ID").rank(2),
];

/// The list for people, ending in a line break.
pub fn list(runs: &[Map<String, Value>], view: &View) -> String {
    let brief = one_year(runs, view);
    let rows: Vec<Vec<String>> = runs.iter().map(|run| cells(run, brief, view)).collect();
    let mut lines = grid::lines(&COLUMNS, &rows, view.limit(), view.terminal.unicode);
    if let Some(header) = lines.first_mut() {
        *header = view.paint().heading(header);
    }
    lines.join("\n") + "\n"
}

/// Whether all runs are of one year: then no line needs to say it.
fn one_year(runs: &[Map<String, Value>], view: &View) -> bool {
    let mut years = runs
        .iter()
        .filter_map(|run| stored::instant(run, "run_ts"))
        .map(|at| at.with_timezone(&view.zone).year());
    let first = years.next();
    years.all(|year| Some(year) == first)
}

fn cells(run: &Map<String, Value>, brief: bool, view: &View) -> Vec<String> {
    let unicode = view.terminal.unicode;
    let started = match stored::instant(run, "run_ts").filter(|_| brief) {
        Some(at) => at.with_timezone(&view.zone).format("%m-%d %H:%M:%S").to_string(),
        None => stored::time(run, "run_ts", view.zone),
    };
    vec![
        started,
        stored::model(run),
        stored::shown(run, "time_to_first_token", |seconds| units::seconds(seconds, unicode)),
        stored::shown(run, "tokens_per_second", units::short_rate),
        stored::word(run, "output_tokens"),
        stored::shown(run, "generate_time", |seconds| units::seconds(seconds, unicode)),
        stored::word(run, "finish_reason"),
        stored::word(run, "sample_role"),
        text::one_line(&stored::word(run, "_id")),
    ]
}

/// The list for programs: the rows as they are stored.
pub fn document(runs: &[Map<String, Value>]) -> Value {
    json!({ "schema": LIST, "runs": runs })
}

/// The list as CSV, in the columns of `run --csv`.
///
/// # Errors
/// None that a row can cause; passed on from the writer.
pub fn sheet(runs: &[Map<String, Value>]) -> std::io::Result<String> {
    let outcome = |run: &Map<String, Value>| {
        let mut row = run.clone();
        row.insert("outcome".to_owned(), "success".into());
        row
    };
    let rows: Vec<_> = runs.iter().map(outcome).collect();
    csv::text(&csv::COLUMNS, rows.iter())
}
