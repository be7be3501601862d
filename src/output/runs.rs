//! Formats the newest runs as a list. The rows are stored ones, of this program or another: see [`super::row_fields`].

use super::list_report::{Column, ListReport};
use super::view::ReportView;
use super::{csv, row_fields, text, units};
use chrono::Datelike;
use serde_json::{Map, Value, json};

pub const LIST: &str = "llmbench.results.list/1";

/// Characters of a pair's id that are shown.
const PAIR_ID: usize = 6;

const NOTHING: &[&str] = &["", "-"];

#[derive(Debug, Clone, PartialEq)]
pub struct ListedRun {
    /// The row as it is stored.
    pub run: Map<String, Value>,
    /// True if the run belongs to the published series.
    pub published: bool,
}

impl ListedRun {
    /// The row with additional fields.
    fn with(&self, more: &[(&str, Value)]) -> Map<String, Value> {
        let mut row = self.run.clone();
        row.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        row
    }
}

/// The list for people, ending in a line break.
pub fn list(runs: &[ListedRun], view: &ReportView) -> String {
    columns(runs, one_year(runs, view), view).screen(view)
}

/// True if all runs are of one year; the year is left out then.
fn one_year(runs: &[ListedRun], view: &ReportView) -> bool {
    let mut years = runs
        .iter()
        .filter_map(|listed| row_fields::instant(&listed.run, "run_ts"))
        .map(|at| at.with_timezone(&view.zone).year());
    let first = years.next();
    years.all(|year| Some(year) == first)
}

/// `brief` leaves the year out of times.
fn columns<'a>(runs: &'a [ListedRun], brief: bool, view: &'a ReportView) -> ListReport<'a, ListedRun> {
    let unicode = view.terminal.unicode;
    let started = move |run: &Map<String, Value>| match row_fields::instant(run, "run_ts").filter(|_| brief) {
        Some(at) => at.with_timezone(&view.zone).format("%m-%d %H:%M:%S").to_string(),
        None => row_fields::time(run, "run_ts", view.zone),
    };
    let time = move |listed: &ListedRun, name: &str| {
        row_fields::shown(&listed.run, name, |seconds| units::seconds(seconds, unicode))
    };
    let published = |listed: &ListedRun| if listed.published { "yes" } else { "no" }.to_owned();
    ListReport::new(runs)
        .column(Column::new("STARTED"), move |listed| started(&listed.run))
        .column(Column::new("MODEL").free(), |listed| row_fields::model(&listed.run))
        .column(Column::number("TTFT"), move |listed| time(listed, "time_to_first_token"))
        .column(Column::number("TOK/S").rank(1), |listed| {
            row_fields::shown(&listed.run, "tokens_per_second", units::short_rate)
        })
        .column(Column::number("TOKENS").rank(4), |listed| row_fields::word(&listed.run, "output_tokens"))
        .column(Column::number("TOTAL").rank(3), move |listed| time(listed, "generate_time"))
        .column(Column::new("FINISH").rank(5), |listed| row_fields::word(&listed.run, "finish_reason"))
        .column(Column::new("PUBLISHED").rank(3), published)
        .column(Column::new("PAIR").silent(NOTHING).rank(6), |listed| pair(&listed.run))
        .column(Column::new("RECEIPT").silent(NOTHING).rank(7), |listed| receipt(&listed.run).to_owned())
        .column(Column::new("CALIBRATION").silent(NOTHING).rank(8), |listed| {
            row_fields::word(&listed.run, "calibration_id")
        })
        .column(Column::new("ID").rank(2), |listed| text::one_line(&row_fields::word(&listed.run, "_id")))
}

/// The half of a pair that a run is, with the end of the pair's id, by which its other half is found; a dash for others.
fn pair(run: &Map<String, Value>) -> String {
    let id = row_fields::word(run, "pair_id");
    if id == "-" {
        return id;
    }
    let end: String = id.chars().skip(id.chars().count().saturating_sub(PAIR_ID)).collect();
    let half = row_fields::word(run, "connection");
    match run.get("pair_position").and_then(Value::as_u64) {
        Some(position @ (1 | 2)) => format!("{end} {half} {position}/2"),
        _ => format!("{end} {half}"),
    }
}

fn receipt(run: &Map<String, Value>) -> &'static str {
    if run.get("receipt").is_some_and(|receipt| !receipt.is_null()) { "yes" } else { "-" }
}

/// The list for programs: the stored rows with `published`.
pub fn document(runs: &[ListedRun]) -> Value {
    let row = |listed: &ListedRun| listed.with(&[("published", listed.published.into())]);
    json!({ "schema": LIST, "runs": runs.iter().map(row).collect::<Vec<_>>() })
}

/// The place of `published` among the columns of CSV. Newer fields come after it, so that it stays where scripts found it
/// first.
const PUBLISHED_PLACE: usize = 72;

/// The list as CSV, in the columns of `run --csv` and `published`.
///
/// # Errors
/// Passed on from the writer, which writes to memory.
pub fn sheet(runs: &[ListedRun]) -> std::io::Result<String> {
    let row = |listed: &ListedRun| {
        listed.with(&[("outcome", "success".into()), ("published", listed.published.into())])
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    let mut columns: Vec<&str> = csv::columns();
    columns.insert(PUBLISHED_PLACE, "published");
    csv::text(&columns, rows.iter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::snapshots::view;

    #[test]
    fn halves_of_pairs_receipts_and_calibrations_are_told_where_there_are_any() {
        let listed = |run: Value| ListedRun { run: run.as_object().unwrap().clone(), published: false };
        let plain = || listed(json!({"provider": "groq", "model_name": "m", "receipt": null}));
        let shown = list(&[plain()], &view(200, false, true));
        assert!(
            !shown.contains("PAIR") && !shown.contains("RECEIPT") && !shown.contains("CALIBRATION"),
            "{shown}"
        );
        let half =
            listed(json!({"provider": "groq", "model_name": "m", "pair_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "pair_position": 2, "connection": "warm", "receipt": {"v": 1}, "calibration_id": "01C\u{1b}"}));
        let odd = listed(
            json!({"provider": "groq", "model_name": "m", "pair_id": ["模\u{1b}"], "pair_position": 9}),
        );
        let shown = list(&[half, odd, plain()], &view(200, false, true));
        assert!(shown.contains("9G5FAV warm 2/2  yes      01C\\u{1b}"), "{shown}");
        assert!(!shown.contains('\u{1b}'));
        assert!(list(&[plain()], &view(40, false, false)).lines().all(|line| text::width(line) <= 40));
    }
}
