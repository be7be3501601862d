//! Formats a calibration: a table and a verdict for people, a document for programs.

use super::json;
use super::list_report::{Column, ListReport};
use super::view::ReportView;
use crate::measure::calibration::{CalibrationCell, CalibrationVerdict, CellConditions, ErrorEstimate};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

pub const CALIBRATION: &str = "llmbench.calibrate/1";

/// A calibration with where and when it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// A ULID; rows name it.
    pub id: String,
    /// The name of the daemon to which the state directory belongs, if one ran there before.
    pub runner: Option<String>,
    pub at: DateTime<Utc>,
    pub host: String,
    /// Name and release of the operating system's kernel.
    pub kernel: String,
    /// Program and version.
    pub program: String,
    pub cores: usize,
    pub cells: Vec<CalibrationCell>,
    pub verdict: CalibrationVerdict,
}

/// The document for programs, which is what is kept and stored.
pub fn document(calibration: &Calibration) -> Value {
    json!({
        "schema": CALIBRATION,
        "id": calibration.id,
        "at": json::time(calibration.at),
        "host": calibration.host,
        "runner": calibration.runner,
        "kernel": calibration.kernel,
        "program": calibration.program,
        "cores": calibration.cores,
        "judged_by_streams": calibration.verdict.streams,
        "may_publish": calibration.verdict.may_publish,
        "verdict": calibration.verdict.sentence,
        "ttft_error": calibration.verdict.ttft,
        "clock_source": clock_source(&calibration.cells),
        "cells": calibration.cells,
    })
}

/// The table and the verdict, ending in a line break.
pub fn text(calibration: &Calibration, view: &ReportView) -> String {
    let unicode = view.terminal.unicode;
    let table = ListReport::new(&calibration.cells)
        .column(Column::number("STREAMS"), |cell| cell.conditions.streams.to_string())
        .column(Column::new("WAY"), |cell| way(cell.conditions))
        .column(Column::number("RUNS").rank(3), |cell| cell.runs.to_string())
        .column(Column::number("TTFT ERROR"), move |cell| mean(cell.ttft, 1000.0, " ms", unicode))
        .column(Column::number("P99"), |cell| p99(cell.ttft, 1000.0, " ms"))
        .column(Column::number("INTER-TOKEN").rank(1), move |cell| {
            mean(cell.inter_token_latency, 100.0, " %", unicode)
        })
        .column(Column::number("TOK/S").rank(2), move |cell| {
            mean(cell.tokens_per_second, 100.0, " %", unicode)
        })
        .column(Column::number("SUSPECT"), |cell| cell.suspect.to_string())
        .column(Column::number("FAILED").silent(&["0"]), |cell| cell.failed.to_string())
        .column(Column::new("CLOCK").rank(4), clock);
    format!("{}\n{}\n", table.screen(view), calibration.verdict.sentence)
}

fn way(conditions: CellConditions) -> String {
    let CellConditions { tls, busy, .. } = conditions;
    format!("{}{}", if tls { "TLS" } else { "plain" }, if busy { ", beside a load" } else { "" })
}

fn clock(cell: &CalibrationCell) -> String {
    clock_source(std::slice::from_ref(cell)).unwrap_or("-").to_owned()
}

/// What stamped the runs of these cells; `None` if there are none.
fn clock_source(cells: &[CalibrationCell]) -> Option<&'static str> {
    let sum = |count: fn(&CalibrationCell) -> usize| cells.iter().map(count).sum::<usize>();
    match sum(|cell| cell.runs - cell.failed) {
        0 => None,
        all if all == sum(|cell| cell.kernel_stamped) => Some("kernel"),
        all if all == sum(|cell| cell.read_stamped) => Some("read"),
        _ => Some("mixed"),
    }
}

/// The mean and half the width of its interval.
fn mean(error: Option<ErrorEstimate>, factor: f64, unit: &str, unicode: bool) -> String {
    let sign = if unicode { "±" } else { "+/-" };
    error.map_or_else(
        || "-".to_owned(),
        |error| {
            let half = (error.mean_high - error.mean) * factor;
            format!("{:+.2} {sign} {half:.2}{unit}", error.mean * factor)
        },
    )
}

fn p99(error: Option<ErrorEstimate>, factor: f64, unit: &str) -> String {
    error.map_or_else(|| "-".to_owned(), |error| format!("{:+.2}{unit}", error.p99 * factor))
}
