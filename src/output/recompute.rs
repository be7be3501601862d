//! Formats figures that were computed again from receipts: a list of what differs for people, a document for programs.

use super::list_report::{Column, ListReport};
use super::row_fields;
use super::view::ReportView;
use crate::domain::profile::DEFAULT_PROFILE;
use crate::measure::receipt_figures::ChangedFigure;
use serde_json::{Map, Value, json};

pub const RECOMPUTED: &str = "llmbench.results.recompute/1";

/// A run with figures whose stored value is not the computed one, or with a receipt that cannot be read.
#[derive(Debug, Clone, PartialEq)]
pub struct RecomputedRun {
    /// Id, provider, model and start, as they are stored.
    pub row: Map<String, Value>,
    pub figures: Vec<ChangedFigure>,
    /// Why the receipt cannot be read.
    pub trouble: Option<String>,
}

/// The result of a recompute.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecomputeReport {
    pub runs: u64,
    /// Runs with a receipt among them.
    pub receipts: u64,
    /// Runs of today's definitions with a figure that does not follow from the receipt.
    pub differing: Vec<RecomputedRun>,
    /// Runs of older definitions with a figure that today's would make another.
    pub older: Vec<RecomputedRun>,
    pub unreadable: Vec<RecomputedRun>,
}

impl RecomputeReport {
    /// True if every figure follows from its receipt.
    pub fn is_clean(&self) -> bool {
        self.differing.is_empty() && self.unreadable.is_empty()
    }
}

/// One figure of one run, for the list.
struct FigureLine<'a> {
    run: &'a RecomputedRun,
    name: &'a str,
    stored: String,
    recomputed: String,
    why: &'a str,
}

fn figure_lines<'a>(run: &'a RecomputedRun, why: &'a str) -> Vec<FigureLine<'a>> {
    let line = |figure: &'a ChangedFigure| FigureLine {
        run,
        name: &figure.name,
        stored: figure.stored.to_string(),
        recomputed: figure.recomputed.to_string(),
        why,
    };
    run.figures.iter().map(line).collect()
}

/// The figures that differ, for people, a line each; empty if none does.
pub fn list(report: &RecomputeReport, view: &ReportView) -> String {
    let unreadable = report.unreadable.iter().map(|run| FigureLine {
        run,
        name: "receipt",
        stored: "-".to_owned(),
        recomputed: "-".to_owned(),
        why: run.trouble.as_deref().unwrap_or("-"),
    });
    let lines: Vec<FigureLine<'_>> = report
        .differing
        .iter()
        .flat_map(|run| figure_lines(run, "differs"))
        .chain(report.older.iter().flat_map(|run| figure_lines(run, "older definitions")))
        .chain(unreadable)
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    ListReport::new(&lines)
        .column(Column::new("MODEL").free(), |line| row_fields::model(&line.run.row))
        .column(Column::new("FIGURE"), |line| line.name.to_owned())
        .column(Column::number("STORED"), |line| line.stored.clone())
        .column(Column::number("RECOMPUTED"), |line| line.recomputed.clone())
        .column(Column::new("WHY").rank(1), |line| line.why.to_owned())
        .column(Column::new("ID").rank(2), |line| row_fields::word(&line.run.row, "_id"))
        .screen(view)
}

/// What is said where no run has a receipt. Rows name a profile by its id, and the file by its name.
pub fn without_receipts(runs: u64) -> String {
    format!(
        "none of {runs} runs has a receipt: set receipts = true under [profiles.NAME] of their profile; the one with the id \
         {DEFAULT_PROFILE} is [profiles.default]"
    )
}

/// The result in a sentence.
pub fn summary(report: &RecomputeReport) -> String {
    let RecomputeReport { runs, receipts, differing, older, unreadable } = report;
    if *receipts == 0 {
        return without_receipts(*runs);
    }
    let mut words = format!("{receipts} of {runs} runs have a receipt: ");
    if report.is_clean() {
        words.push_str("every figure follows from it");
    } else {
        words.push_str(&format!("{} with figures that differ", differing.len()));
        if !unreadable.is_empty() {
            words.push_str(&format!(", {} that cannot be read", unreadable.len()));
        }
    }
    if !older.is_empty() {
        words.push_str(&format!("; {} of older definitions would have other figures today", older.len()));
    }
    words
}

/// The result for programs.
pub fn document(report: &RecomputeReport) -> Value {
    let figure = |figure: &ChangedFigure| json!({ "name": figure.name, "stored": figure.stored, "recomputed": figure.recomputed });
    let run = |run: &RecomputedRun| {
        let mut fields = run.row.clone();
        fields.insert("figures".to_owned(), run.figures.iter().map(figure).collect());
        fields.insert("trouble".to_owned(), run.trouble.clone().into());
        Value::Object(fields)
    };
    let all = |runs: &[RecomputedRun]| runs.iter().map(run).collect::<Value>();
    json!({
        "schema": RECOMPUTED,
        "runs": report.runs,
        "receipts": report.receipts,
        "differing": all(&report.differing),
        "older": all(&report.older),
        "unreadable": all(&report.unreadable),
    })
}
