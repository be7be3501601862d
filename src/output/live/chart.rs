//! The page of one model: TTFT and tokens/s over time, one dot for each column's median, and changes as lines with letters that
//! are explained below. Pure.

use super::page::{Page, Tint};
use super::series::{LiveFailure, LiveSample, LiveSeries};
use crate::domain::ModelRef;
use crate::domain::series_change::SeriesChange;
use crate::domain::window::span;
use crate::measure::metrics::Unit;
use crate::output::{changes, text, units};
use chrono::{DateTime, TimeDelta, Utc};

/// Columns of the labels, and of the space behind them.
const LABELS: usize = 11;

/// What a store has of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelHistory {
    pub model: ModelRef,
    pub from: DateTime<Utc>,
    pub samples: Vec<LiveSample>,
    pub failures: Vec<LiveFailure>,
    /// Changes of its series in that time, the newest first.
    pub changes: Vec<SeriesChange>,
    /// Why there is less than all of it.
    pub remark: Option<String>,
}

/// A model that somebody opened.
#[derive(Debug, Clone)]
pub struct OpenChart {
    pub model: ModelRef,
    pub from: DateTime<Utc>,
    pub series: LiveSeries,
    pub changes: Vec<SeriesChange>,
    /// What is missing, or that it is still being read.
    pub remark: Option<String>,
}

impl OpenChart {
    /// Takes what was read, if it is about this model.
    pub fn take(&mut self, history: ModelHistory) {
        if history.model == self.model {
            for sample in &history.samples {
                self.series.add(sample);
            }
            for failure in &history.failures {
                self.series.fail(failure);
            }
            (self.from, self.changes, self.remark) = (history.from, history.changes, history.remark);
        }
    }

    /// Draws title, both charts and the list of changes; leaves the last line free.
    pub fn draw(&self, page: &mut Page<'_>, now: DateTime<Utc>) {
        let (ttft, rate) = self.series.now();
        let unicode = page.unicode;
        let figure = |value: Option<f64>, unit| {
            value.map_or_else(|| "-".to_owned(), |value| units::phrase(unit, value, unicode))
        };
        page.line(&text::one_line(&self.model.to_string()), Tint::Heading);
        let said = format!(
            "{}: {}, {} failed; now TTFT {}, {}",
            span(now - self.from),
            units::counted(self.series.ended(), "run"),
            self.series.failed(),
            figure(ttft, Unit::Seconds),
            figure(rate, Unit::Rate),
        );
        page.line(&said, Tint::Plain);
        if let Some(remark) = &self.remark {
            page.line(remark, Tint::Quiet);
        }
        let told = self.changes.len().min(page.height() / 6);
        let room = page.rest().saturating_sub(told + 1 + 3) / 2;
        let marks: Vec<i64> = self.changes.iter().map(|change| change.began.at.timestamp_millis()).collect();
        let window = (self.from.timestamp_millis(), now.timestamp_millis());
        let ttfts: Vec<_> = self.series.ttfts().collect();
        let rates: Vec<_> = self.series.rates().collect();
        for (title, unit, points) in
            [("TTFT", Unit::Seconds, &ttfts), ("tokens/s, end to end", Unit::Rate, &rates)]
        {
            page.line(title, Tint::Heading);
            let chart = TimeChart { unit, points, marks: &marks, window };
            for line in chart.lines(page.width(), room, unicode) {
                page.line(&line, Tint::Plain);
            }
        }
        page.line(&axis(self.from, now, page.width()), Tint::Quiet);
        for (place, change) in self.changes.iter().take(told).enumerate() {
            page.line(&format!("{} {}", letter(place), changes::sentence(change, unicode)), Tint::Doubtful);
        }
    }
}

/// The letter of a change.
fn letter(place: usize) -> char {
    char::from(b'a' + u8::try_from(place % 26).unwrap_or(0))
}

/// Both ends of the time below the charts.
fn axis(from: DateTime<Utc>, to: DateTime<Utc>, width: usize) -> String {
    let form = if to - from > TimeDelta::hours(30) { "%m-%d %H:%M" } else { "%H:%M" };
    let (from, to) = (from.format(form).to_string(), to.format(form).to_string() + " UTC");
    let room = width.saturating_sub(LABELS + from.len() + to.len());
    format!("{}{from}{}{to}", " ".repeat(LABELS), " ".repeat(room))
}

/// A drawing of values over time.
#[derive(Debug, Clone, Copy)]
pub struct TimeChart<'a> {
    pub unit: Unit,
    /// Times in milliseconds, and values.
    pub points: &'a [(i64, f64)],
    /// Times of changes, which have letters in this order.
    pub marks: &'a [i64],
    /// First and last moment.
    pub window: (i64, i64),
}

impl TimeChart<'_> {
    /// So many lines of at most so many columns.
    pub fn lines(&self, columns: usize, height: usize, unicode: bool) -> Vec<String> {
        let width = columns.saturating_sub(LABELS);
        if width == 0 || height == 0 {
            return vec![String::new(); height];
        }
        let (from, to) = self.window;
        let cells = super::spark::over_time(self.points.iter().copied(), from, to, width);
        let values = || cells.iter().flatten().copied().filter(|value| *value > 0.0);
        let ends = (values().reduce(f64::min), values().reduce(f64::max));
        let (Some(low), Some(high)) = ends else {
            let mut lines = vec![String::new(); height];
            lines[height / 2] = format!("{}nothing measured", " ".repeat(LABELS));
            return lines;
        };
        let scale = ChartScale::of(low, high, height);
        let mut canvas = vec![vec![' '; width]; height];
        let marked = self.draw_marks(&mut canvas, unicode);
        for (place, value) in cells.iter().enumerate() {
            if let Some(value) = value {
                canvas[scale.row(*value)][place] = if unicode { '•' } else { '*' };
            }
        }
        for (column, letter) in marked {
            canvas[0][column] = letter;
        }
        let label = |row: usize| {
            let labelled = row == 0 || row == height - 1 || (height > 6 && row == height / 2);
            let words =
                if labelled { units::cell(self.unit, scale.value(row), unicode) } else { String::new() };
            text::cut(&words, LABELS - 2, unicode)
        };
        let line = |(row, cells): (usize, Vec<char>)| {
            format!("{:>9}  {}", label(row), cells.into_iter().collect::<String>()).trim_end().to_owned()
        };
        canvas.into_iter().enumerate().map(line).collect()
    }

    /// Draws a line at each change; the columns and letters of the lines.
    fn draw_marks(&self, canvas: &mut [Vec<char>], unicode: bool) -> Vec<(usize, char)> {
        let mut marked = Vec::new();
        let (from, to) = self.window;
        for (place, at) in self.marks.iter().enumerate().filter(|(_, at)| (from..=to).contains(*at)) {
            let width = canvas[0].len();
            let column = (i128::from(*at) - i128::from(from)) * width as i128 / i128::from(to - from).max(1);
            let column = usize::try_from(column).unwrap_or(0).min(width - 1);
            for line in canvas.iter_mut() {
                line[column] = if unicode { '│' } else { '|' };
            }
            marked.push((column, letter(place)));
        }
        marked
    }
}

/// The logarithms of a chart's lines: equal ratios are equally high.
struct ChartScale {
    low: f64,
    high: f64,
    last: usize,
}

impl ChartScale {
    fn of(low: f64, high: f64, height: usize) -> Self {
        // Values that are almost equal are not drawn as if they differed.
        let room = ((0.1 - (high / low).ln()) / 2.0).max(0.0);
        Self { low: low.ln() - room, high: high.ln() + room, last: height - 1 }
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the lines")]
    fn row(&self, value: f64) -> usize {
        let share = (self.high - value.max(f64::MIN_POSITIVE).ln()) / (self.high - self.low);
        (share * self.last as f64).round().clamp(0.0, self.last as f64) as usize
    }

    fn value(&self, row: usize) -> f64 {
        (self.high - (self.high - self.low) * row as f64 / self.last.max(1) as f64).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_step_is_seen_and_its_mark_has_a_letter() {
        let points: Vec<(i64, f64)> = (0..100).map(|at| (at, if at < 60 { 0.2 } else { 0.4 })).collect();
        let chart = TimeChart { unit: Unit::Seconds, points: &points, marks: &[60], window: (0, 99) };
        let lines = chart.lines(LABELS + 50, 5, false);
        assert_eq!(lines[0].split_whitespace().next(), Some("400"), "{lines:#?}");
        assert!(lines[4].contains("200 ms"), "{lines:#?}");
        let mark = lines[0].find('a').unwrap();
        assert_eq!(lines[2].find('|'), Some(mark), "{lines:#?}");
        assert_eq!(lines[4].rfind('*'), Some(mark - 1), "{lines:#?}");
    }

    proptest! {
        #[test]
        fn it_has_its_size_whatever_it_draws(
            points in prop::collection::vec((any::<i64>(), 0.0..1e9_f64), 0..40), marks in prop::collection::vec(any::<i64>(), 0..30),
            from in -1_000_000..1_000_000_i64, length in 0..1_000_000_i64, columns in 0..120_usize, height in 0..20_usize,
        ) {
            let chart = TimeChart { unit: Unit::Rate, points: &points, marks: &marks, window: (from, from + length) };
            let lines = chart.lines(columns, height, true);
            prop_assert_eq!(lines.len(), height);
            for line in lines {
                prop_assert!(text::width(&line) <= columns.max(LABELS + 16), "{:?}", line);
            }
        }
    }
}
