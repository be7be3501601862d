//! How many runs each model has: a list for people, a document and a sheet for programs.

use super::grid::{self, Column};
use super::run_report::ReportView;
use super::{csv, json, row_fields, text};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// The name and version of the document.
pub const COUNTS: &str = "llmbench.results.counts/1";

/// The runs of one model. A name that the rows do not have is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCount {
    /// The provider.
    pub provider: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// How many.
    pub runs: u64,
    /// How many of them are in the published series.
    pub published: u64,
    /// The start of the newest.
    pub newest: Option<DateTime<Utc>>,
}

const LIST: [Column; 4] = [
    Column::new("MODEL").free(),
    Column::number("RUNS"),
    Column::number("PUBLISHED").rank(2),
    Column::new("NEWEST").rank(1),
];

/// The columns of the sheet: the fields of a model in the document.
const SHEET: [&str; 5] = ["provider", "model", "runs", "newest_at", "published"];

/// The list for people, ending in a line break.
pub fn list(counts: &[RunCount], view: &ReportView) -> String {
    let name = |name: &Option<String>| name.as_deref().map_or_else(|| "-".to_owned(), text::escape);
    let row = |one: &RunCount| {
        let newest = one.newest.map_or_else(|| "-".to_owned(), |at| row_fields::short_time(at, view.zone));
        let model = format!("{}:{}", name(&one.provider), name(&one.model));
        vec![model, one.runs.to_string(), one.published.to_string(), newest]
    };
    let rows: Vec<Vec<String>> = counts.iter().map(row).collect();
    let mut lines = grid::lines(&LIST, &rows, view.limit(), view.terminal.unicode);
    if let Some(header) = lines.first_mut() {
        *header = view.paint().heading(header);
    }
    lines.join("\n") + "\n"
}

/// The document for programs.
pub fn document(counts: &[RunCount]) -> Value {
    let models: Vec<Map<String, Value>> = counts.iter().map(fields).collect();
    json!({ "schema": COUNTS, "models": models })
}

/// The same as CSV.
///
/// # Errors
/// None that a count can cause; passed on from the writer.
pub fn sheet(counts: &[RunCount]) -> std::io::Result<String> {
    let rows: Vec<Map<String, Value>> = counts.iter().map(fields).collect();
    csv::text(&SHEET, rows.iter())
}

fn fields(one: &RunCount) -> Map<String, Value> {
    let values: [Value; 5] = [
        one.provider.clone().into(),
        one.model.clone().into(),
        one.runs.into(),
        one.newest.map(json::time).into(),
        one.published.into(),
    ];
    SHEET.iter().map(|name| (*name).to_owned()).zip(values).collect()
}
