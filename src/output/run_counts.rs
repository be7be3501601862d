//! Formats the number of runs per model: a list for people, a document and CSV for programs.

use super::list_report::{Column, ListReport};
use super::view::ReportView;
use super::{csv, json, row_fields, text};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

pub const COUNTS: &str = "llmbench.results.counts/1";

/// The runs of one model. The field names are those of JSON and CSV.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RunCount {
    /// `None` if the rows have no such name.
    pub provider: Option<String>,
    /// `None` if the rows have no such name.
    pub model: Option<String>,
    pub runs: u64,
    /// Start of the newest run.
    #[serde(rename = "newest_at", serialize_with = "json::maybe_instant")]
    pub newest: Option<DateTime<Utc>>,
    /// The number of runs in the published series.
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

pub fn document(counts: &[RunCount]) -> Value {
    json!({ "schema": COUNTS, "models": counts })
}

/// The counts as CSV.
///
/// # Errors
/// Passed on from the writer, which writes to memory.
pub fn sheet(counts: &[RunCount]) -> std::io::Result<String> {
    csv::sheet(counts)
}
