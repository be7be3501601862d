//! The lines of the list of models: figures of now and sparklines, as wide as the terminal. Pure.

use super::page::cell;
use super::spark::spark;
use crate::measure::metrics::Unit;
use crate::output::{text, units};

/// Columns of the figures.
const TTFT: usize = 7;
const RATE: usize = 6;
const FAILED: usize = 7;
const LAST: usize = 9;

/// Widths of the columns that give way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableLayout {
    /// Columns of a name.
    name: usize,
    /// Columns of a sparkline.
    pub spark: usize,
    /// True if the last column is shown.
    has_last: bool,
}

/// What a line shows of a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableRow {
    pub name: String,
    pub selected: bool,
    pub ttft: Option<f64>,
    pub rate: Option<f64>,
    /// Cells of both sparklines.
    pub sparks: [Vec<Option<f64>>; 2],
    pub failed: String,
    pub last: String,
}

impl TableLayout {
    pub fn of(width: usize) -> Self {
        let has_last = width >= 80;
        let spark = if has_last { ((width - 60) / 4 + 5).min(48) } else { 7 };
        let last = if has_last { LAST + 1 } else { 0 };
        let taken = 2 + 1 + TTFT + 1 + spark + 1 + RATE + 1 + spark + 1 + FAILED + last;
        Self { name: width.saturating_sub(taken), spark, has_last }
    }

    /// The titles; `last` is that of the last column.
    pub fn header(&self, last: &str, unicode: bool) -> String {
        let graph = " ".repeat(self.spark);
        let columns = [
            cell("MODEL", self.name + 2, false, unicode),
            cell("TTFT", TTFT, true, unicode),
            graph.clone(),
            cell("TOK/S", RATE, true, unicode),
            graph,
            cell("FAILED", FAILED, true, unicode),
        ];
        self.with_last(columns.join(" "), last, unicode)
    }

    pub fn row(&self, row: &TableRow, unicode: bool) -> String {
        let mark = if row.selected { "> " } else { "  " };
        let figure = |value: Option<f64>, unit| {
            value.map_or_else(|| "-".to_owned(), |value| units::cell(unit, value, unicode))
        };
        let graph = |place: usize| cell(&spark(&row.sparks[place], unicode), self.spark, false, unicode);
        let columns = [
            // A model stands below its provider.
            format!("{mark} {}", cell(&row.name, self.name.saturating_sub(1), false, unicode)),
            cell(&figure(row.ttft, Unit::Seconds), TTFT, true, unicode),
            graph(0),
            cell(&figure(row.rate, Unit::Rate), RATE, true, unicode),
            graph(1),
            cell(&row.failed, FAILED, true, unicode),
        ];
        self.with_last(columns.join(" "), &row.last, unicode)
    }

    fn with_last(&self, line: String, last: &str, unicode: bool) -> String {
        match self.has_last {
            true => format!("{line} {}", cell(last, LAST, true, unicode)),
            false => line,
        }
    }
}

/// Failures of so many: `3 of 40`, shorter where there is no room, nothing where none failed.
pub fn failed_of(failed: u64, ended: u64) -> String {
    let whole = format!("{failed} of {ended}");
    match (failed, ended) {
        (_, 0) => "-".to_owned(),
        (0, _) => "0".to_owned(),
        _ if text::width(&whole) <= FAILED => whole,
        _ => units::share((failed as f64 / ended as f64 * 1e3).round() / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_is_filled_and_not_exceeded() {
        for width in 60..260 {
            let layout = TableLayout::of(width);
            assert!(layout.name >= 15, "{width}: {layout:?}");
            let row = TableRow {
                name: "模型".repeat(80),
                ttft: Some(0.2),
                rate: Some(99.0),
                sparks: [vec![Some(1.0); layout.spark], vec![None; layout.spark]],
                failed: failed_of(1234, 99_999),
                last: "dated 12 d ahead".to_owned(),
                selected: true,
            };
            assert_eq!(text::width(&layout.header("LAST", true)), width);
            assert_eq!(text::width(&layout.row(&row, true)), width, "{}", layout.row(&row, true));
        }
        assert_eq!(failed_of(3, 40), "3 of 40");
        assert_eq!((failed_of(0, 0), failed_of(0, 4)), ("-".to_owned(), "0".to_owned()));
    }
}
