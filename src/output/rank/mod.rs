//! Formats places of models: a list whose lines share places where their order is open, the models without a place with
//! what they lack, and the document and CSV for programs.

mod rows;
#[cfg(test)]
mod tests;

pub use rows::{RankRow, document, rows, sheet};

use super::list_report::{Column, ListReport};
use super::view::ReportView;
use super::{text, units};
use crate::domain::publication::LaneRanking;
use crate::domain::window::{ago, span};
use crate::domain::{ModelRef, Window};
use crate::measure::block_comparison::BlockLength;
use crate::measure::compare::{ComparedMetric, RunStratum};
use crate::measure::ranking::standings::{BLOCKS_FOR_PLACE, Ranking};
use chrono::{DateTime, TimeDelta, Utc};

pub const RANKING: &str = "llmbench.results.rank/1";

/// Models without a place that are listed unless all are requested.
const LISTED: usize = 20;

/// Circumstances that are named beside those that count.
const NAMED: usize = 3;

/// A ranking and what it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct RankReport {
    pub as_of: DateTime<Utc>,
    pub window: Window,
    /// Either `all` or `published`.
    pub series: &'static str,
    pub figure: &'static ComparedMetric,
    pub ranking: Ranking,
    /// In the order of the ranking's models.
    pub models: Vec<RankedModel>,
    /// Circumstances with runs that are not counted, those of the most models first.
    pub others: Vec<OtherCircumstances>,
}

/// A model, and the lane of it that is best in the dashboard's ranking.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedModel {
    /// At a router with its endpoint.
    pub model: ModelRef,
    pub lane: LaneRanking,
}

/// Circumstances that do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherCircumstances {
    pub stratum: RunStratum,
    /// Models with samples under them.
    pub models: usize,
}

/// The report for people, ending in a line break.
pub fn report(report: &RankReport, view: &ReportView) -> String {
    let rows = rows::rows(report);
    let (placed, unplaced): (Vec<RankRow>, Vec<RankRow>) =
        rows.into_iter().partition(|row| row.place_from.is_some());
    let mut parts = vec![view.wrap(&head(report))];
    if !placed.is_empty() {
        parts.push(places(&placed, report, view).headed(view));
    }
    parts.push(remarks(&placed, report).iter().flat_map(|remark| view.wrap(remark)).collect());
    parts.push(without(&unplaced, report, view));
    let shown = parts.iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n"));
    shown.collect::<Vec<_>>().join("\n\n") + "\n"
}

/// What the list is of.
fn head(report: &RankReport) -> String {
    let circumstances = &report.ranking.circumstances;
    let runners: Vec<String> = circumstances.runners.iter().map(runner_words).collect();
    let blocks = match report.ranking.length {
        BlockLength::Day => "days",
        BlockLength::ThreeHours => "blocks of 3 hours",
    };
    let words =
        [
            Some(format!("{}, medians of {blocks}", report.figure.title)),
            Some(circumstances.profile.as_deref().map_or_else(
                || "no profile".to_owned(),
                |profile| format!("profile {}", text::escape(profile)),
            )),
            circumstances.connection.as_deref().map(text::escape),
            (!runners.is_empty()).then(|| runners.join(" and ")),
            (report.series == "published").then(|| "published runs".to_owned()),
        ];
    let span = match (report.window.from, report.window.to) {
        (Some(from), to) => format!("{} to {}", utc(from), to.map_or_else(|| "now".to_owned(), utc)),
        (None, Some(to)) => format!("up to {}", utc(to)),
        (None, None) => "of all time".to_owned(),
    };
    format!("{}; {span}", words.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// Blocks are those of UTC, so the window is written in it, too.
fn utc(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

fn runner_words(runner: &Option<String>) -> String {
    runner.as_ref().map_or_else(|| "no runner".to_owned(), |name| format!("runner {}", text::escape(name)))
}

fn places<'a>(rows: &'a [RankRow], report: &'a RankReport, view: &'a ReportView) -> ListReport<'a, RankRow> {
    let unicode = view.terminal.unicode;
    let value = move |value: Option<f64>| {
        value.map_or_else(|| "-".to_owned(), |value| units::cell(report.figure.unit, value, unicode))
    };
    let blocks = match report.ranking.length {
        BlockLength::Day => "DAYS",
        BlockLength::ThreeHours => "BLOCKS",
    };
    ListReport::new(rows)
        .column(Column::number("PLACE"), place)
        .column(Column::new("ORDER").rank(5), |row| row.order.unwrap_or_default().to_owned())
        .column(Column::new("MODEL").free(), |row| row.name.clone())
        .column(Column::number(title(report.figure)), move |row| value(row.median))
        .column(Column::number("95 % INTERVAL").rank(1), move |row| {
            format!("{} to {}", value(row.median_low), value(row.median_high))
        })
        .column(Column::number("OK").rank(2), available)
        .column(Column::number("N").rank(4), |row| row.n.to_string())
        .column(Column::number(blocks).rank(7), |row| row.blocks.unwrap_or(0).to_string())
        .column(Column::number("SPAN").rank(8), |row| {
            row.span_seconds.map_or_else(|| "-".to_owned(), |seconds| span(seconds_long(seconds)))
        })
        .column(Column::number("NEWEST").rank(3), |row| newest(row, report.as_of))
        .column(Column::new("DASHBOARD").rank(6), |row| row.dashboard_place.unwrap_or("-").to_owned())
}

/// The figure's name above a column.
fn title(figure: &ComparedMetric) -> &'static str {
    match figure.key {
        "ttft" => "TTFT",
        "tps" => "TOK/S",
        "visible_tps" => "VISIBLE TOK/S",
        "itl" => "INTER-TOKEN",
        _ => "TOTAL",
    }
}

/// For example `3`, or `4-7` where the order is open.
fn place(row: &RankRow) -> String {
    match (row.place_from, row.place_to) {
        (Some(from), Some(to)) if from < to => format!("{from}-{to}"),
        (Some(from), _) => from.to_string(),
        _ => "-".to_owned(),
    }
}

fn available(row: &RankRow) -> String {
    row.availability.map_or_else(|| "-".to_owned(), units::share)
}

fn newest(row: &RankRow, now: DateTime<Utc>) -> String {
    row.newest_at.map_or_else(|| "-".to_owned(), |at| ago(at, now))
}

fn seconds_long(seconds: f64) -> TimeDelta {
    TimeDelta::milliseconds((seconds * 1e3) as i64)
}

/// What a reader must know beside the list, one sentence or two each.
fn remarks(placed: &[RankRow], report: &RankReport) -> Vec<String> {
    let mut remarks = Vec::new();
    if placed.iter().any(|row| row.place_from < row.place_to) {
        remarks.push(
            "Models with the same places: their order is open. Between tiers it is settled, and all tiers hold \
             together with 95 %."
                .to_owned(),
        );
    }
    if placed.len() > 1 && report.ranking.length == BlockLength::ThreeHours {
        remarks.push(
            "Fewer than three days do not tell how days differ: the order may be that of these days."
                .to_owned(),
        );
    }
    let other = |other: &OtherCircumstances| {
        let RunStratum { runner, profile, connection } = &other.stratum;
        let named = [
            profile.as_ref().map_or_else(|| "no profile".to_owned(), |name| format!("profile {name}")),
            connection.clone().unwrap_or_else(|| "no connection".to_owned()),
        ];
        let models = units::counted(other.models as u64, "model");
        format!("{}, {} ({models})", text::escape(&named.join(", ")), runner_words(runner))
    };
    if !report.others.is_empty() {
        let named: Vec<String> = report.others.iter().take(NAMED).map(other).collect();
        let more = report.others.len().saturating_sub(NAMED);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        remarks.push(format!(
            "Not counted are runs of {}{more}: --profile, --connection and --runner choose.",
            named.join("; ")
        ));
    }
    remarks
}

/// The models without a place, and what each lacks.
fn without(unplaced: &[RankRow], report: &RankReport, view: &ReportView) -> Vec<String> {
    if unplaced.is_empty() {
        return Vec::new();
    }
    let listed = if view.verbose { unplaced.len() } else { unplaced.len().min(LISTED) };
    let blocks = match report.ranking.length {
        BlockLength::Day => "days",
        BlockLength::ThreeHours => "blocks of 3 hours",
    };
    let mut lines = view.wrap(&format!("No place: it needs samples of {BLOCKS_FOR_PLACE} {blocks}."));
    lines.extend(
        ListReport::new(&unplaced[..listed])
            .column(Column::new("MODEL").free(), |row| row.name.clone())
            .column(Column::number("OK").rank(3), available)
            .column(Column::number("N").rank(2), |row| row.n.to_string())
            .column(Column::number("NEWEST").rank(1), |row| newest(row, report.as_of))
            .column(Column::new("MISSING"), |row| row.missing.clone().unwrap_or_default())
            .headed(view),
    );
    if unplaced.len() > listed {
        lines.push(format!("and {} more: --wide lists them all", unplaced.len() - listed));
    }
    lines
}
