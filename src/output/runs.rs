//! The newest runs as a list. The rows are stored ones, of this program or another: see [`super::row_fields`].

use super::grid::{self, Column};
use super::run_report::ReportView;
use super::{csv, row_fields, text, units};
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
    Column::new("PUBLISHED").rank(3),
    Column::new("ID").rank(2),
];

/// A run of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedRun {
    /// The row as it is stored.
    pub run: Map<String, Value>,
    /// Whether it is in the published series.
    pub published: bool,
}

impl ListedRun {
    /// The row, and what is told of it besides.
    fn with(&self, more: &[(&str, Value)]) -> Map<String, Value> {
        let mut row = self.run.clone();
        row.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        row
    }
}

/// The list for people, ending in a line break.
pub fn list(runs: &[ListedRun], view: &ReportView) -> String {
    let brief = one_year(runs, view);
    let rows: Vec<Vec<String>> = runs.iter().map(|run| cells(run, brief, view)).collect();
    let mut lines = grid::lines(&COLUMNS, &rows, view.limit(), view.terminal.unicode);
    if let Some(header) = lines.first_mut() {
        *header = view.paint().heading(header);
    }
    lines.join("\n") + "\n"
}

/// Whether all runs are of one year: then no line needs to say it.
fn one_year(runs: &[ListedRun], view: &ReportView) -> bool {
    let mut years = runs
        .iter()
        .filter_map(|listed| row_fields::instant(&listed.run, "run_ts"))
        .map(|at| at.with_timezone(&view.zone).year());
    let first = years.next();
    years.all(|year| Some(year) == first)
}

fn cells(listed: &ListedRun, brief: bool, view: &ReportView) -> Vec<String> {
    let run = &listed.run;
    let unicode = view.terminal.unicode;
    let started = match row_fields::instant(run, "run_ts").filter(|_| brief) {
        Some(at) => at.with_timezone(&view.zone).format("%m-%d %H:%M:%S").to_string(),
        None => row_fields::time(run, "run_ts", view.zone),
    };
    vec![
        started,
        row_fields::model(run),
        row_fields::shown(run, "time_to_first_token", |seconds| units::seconds(seconds, unicode)),
        row_fields::shown(run, "tokens_per_second", units::short_rate),
        row_fields::word(run, "output_tokens"),
        row_fields::shown(run, "generate_time", |seconds| units::seconds(seconds, unicode)),
        row_fields::word(run, "finish_reason"),
        if listed.published { "yes" } else { "no" }.to_owned(),
        text::one_line(&row_fields::word(run, "_id")),
    ]
}

/// The list for programs: the rows as they are stored, and `published`.
pub fn document(runs: &[ListedRun]) -> Value {
    let row = |listed: &ListedRun| listed.with(&[("published", listed.published.into())]);
    json!({ "schema": LIST, "runs": runs.iter().map(row).collect::<Vec<_>>() })
}

/// The list as CSV, in the columns of `run --csv` and `published`.
///
/// # Errors
/// None that a row can cause; passed on from the writer.
pub fn sheet(runs: &[ListedRun]) -> std::io::Result<String> {
    let row = |listed: &ListedRun| {
        listed.with(&[("outcome", "success".into()), ("published", listed.published.into())])
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    let columns: Vec<&str> = csv::columns().into_iter().chain(["published"]).collect();
    csv::text(&columns, rows.iter())
}
