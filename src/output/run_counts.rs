//! How many runs each model has: a list for people, a document and a sheet for programs.

use super::report::{Column, ListReport};
use super::run_report::ReportView;
use super::{csv, json, row_fields, text};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

/// The name and version of the document.
pub const COUNTS: &str = "llmbench.results.counts/1";

/// The runs of one model. The names of its fields are those of JSON and CSV.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RunCount {
    /// `None` where the rows have no such name.
    pub provider: Option<String>,
    /// The same of the model.
    pub model: Option<String>,
    /// How many.
    pub runs: u64,
    /// When the newest one started.
    #[serde(rename = "newest_at", serialize_with = "json::maybe_instant")]
    pub newest: Option<DateTime<Utc>>,
    /// How many of them are in the published series.
    pub published: u64,
}

/// The list for people, ending in a line break.
pub fn list(counts: &[RunCount], view: &ReportView) -> String {
    let name = |name: &Option<String>| name.as_deref().map_or_else(|| "-".to_owned(), text::escape);
    let newest = |at: DateTime<Utc>| row_fields::short_time(at, view.zone);
    let list = ListReport::new(counts)
        .column(Column::new("MODEL").free(), |one| format!("{}:{}", name(&one.provider), name(&one.model)))
        .column(Column::number("RUNS"), |one| one.runs.to_string())
        .column(Column::number("PUBLISHED").rank(2), |one| one.published.to_string())
        .column(Column::new("NEWEST").rank(1), |one| one.newest.map_or_else(|| "-".to_owned(), newest));
    list.screen(view)
}

/// The document for programs.
pub fn document(counts: &[RunCount]) -> Value {
    json!({ "schema": COUNTS, "models": counts })
}

/// The same as CSV.
///
/// # Errors
/// None that a count can cause; passed on from the writer.
pub fn sheet(counts: &[RunCount]) -> std::io::Result<String> {
    csv::sheet(counts)
}
