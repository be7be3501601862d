//! A small chart of a series over time: medians of blocks, and the levels before and after a change. Pure; as wide as the
//! terminal, and eight lines high.

use super::scale::AxisScale;
use super::units;
use crate::measure::metrics::Unit;

/// Lines of the drawing.
const HEIGHT: usize = 8;

/// Columns of the labels, and of the space behind them.
const LABELS: usize = 11;

/// The widest drawing: more columns would show single blocks of some weeks.
const WIDEST: usize = 112;

/// The least height of the drawing, as a logarithm: equal values are in the middle.
const LEAST: f64 = 0.02;

/// A level over a part of the time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DrawnLevel {
    /// The slots over which it is drawn, the last one excluded.
    pub from: i64,
    pub to: i64,
    pub value: f64,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelChart {
    pub unit: Unit,
    /// Slots and medians, in order of time.
    pub points: Vec<(i64, f64)>,
    pub levels: Vec<DrawnLevel>,
}

impl LevelChart {
    /// The drawing: a line for each step of the figure's logarithm, with labels at the levels. Empty without two points.
    pub fn lines(&self, columns: usize, unicode: bool) -> Vec<String> {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else { return Vec::new() };
        let width = columns.saturating_sub(LABELS).min(WIDEST);
        let span = last.0 + 1 - first.0;
        if self.points.len() < 2 || width < 10 || span < 2 {
            return Vec::new();
        }
        let column = |slot: i64| {
            let place = (slot - first.0).clamp(0, span - 1) * width as i64 / span;
            usize::try_from(place).unwrap_or(0).min(width - 1)
        };
        let columns = self.columns(width, column);
        let values = columns.iter().flatten().copied().chain(self.levels.iter().map(|level| level.value));
        let Some(scale) = AxisScale::logarithmic(values, LEAST) else { return Vec::new() };
        let mut canvas = vec![vec![' '; width]; HEIGHT];
        let (line, dot) = if unicode { ('─', '•') } else { ('-', '*') };
        for level in &self.levels {
            let (from, to) = (column(level.from), column(level.to - 1));
            canvas[row(&scale, level.value)][from..=to.max(from)].fill(line);
        }
        for (place, value) in columns.iter().enumerate() {
            if let Some(value) = value {
                canvas[row(&scale, *value)][place] = dot;
            }
        }
        let label = |row: usize| self.label(row, &scale, unicode);
        let text = |(row, cells): (usize, Vec<char>)| {
            format!("{:>9}  {}", label(row), cells.into_iter().collect::<String>()).trim_end().to_owned()
        };
        canvas.into_iter().enumerate().map(text).collect()
    }

    /// The geometric mean of the points of each column.
    fn columns(&self, width: usize, column: impl Fn(i64) -> usize) -> Vec<Option<f64>> {
        let mut sums = vec![(0.0, 0.0); width];
        for (slot, value) in &self.points {
            let (sum, count) = &mut sums[column(*slot)];
            (*sum, *count) = (*sum + value.ln(), *count + 1.0);
        }
        sums.into_iter().map(|(sum, count): (f64, f64)| (count > 0.0).then(|| (sum / count).exp())).collect()
    }

    /// The label of a line: a level's where one is in it, and the ends of the scale.
    fn label(&self, line: usize, scale: &AxisScale, unicode: bool) -> String {
        let level = self.levels.iter().find(|level| row(scale, level.value) == line).map(|level| level.value);
        let near = || self.levels.iter().any(|level| row(scale, level.value).abs_diff(line) < 2);
        let end = || ((line == 0 || line == HEIGHT - 1) && !near()).then(|| value(scale, line));
        level.or_else(end).map_or_else(String::new, |value| units::cell(self.unit, value, unicode))
    }
}

/// The line on which a value is drawn.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the lines")]
fn row(scale: &AxisScale, value: f64) -> usize {
    ((1.0 - scale.share(value)) * (HEIGHT - 1) as f64).round() as usize
}

/// The value that a line stands for.
fn value(scale: &AxisScale, row: usize) -> f64 {
    scale.value(1.0 - row as f64 / (HEIGHT - 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::text;
    use proptest::prelude::*;

    #[test]
    fn both_levels_are_drawn_where_they_hold() {
        let wave = |slot: i64| 1.0 + 0.05 * (slot as f64).sin();
        let points = (0..200).map(|slot| (slot, if slot < 120 { 0.4 } else { 0.5 } * wave(slot))).collect();
        let levels =
            vec![DrawnLevel { from: 0, to: 120, value: 0.4 }, DrawnLevel { from: 120, to: 200, value: 0.5 }];
        let lines = LevelChart { unit: Unit::Seconds, points, levels }.lines(60, true);
        assert_eq!(lines.len(), HEIGHT);
        let labelled = |label: &str| lines.iter().position(|line| line.contains(label)).unwrap();
        assert!(labelled("500 ms") < labelled("400 ms"), "{lines:#?}");
        assert!(lines.iter().all(|line| text::width(line) <= 60), "{lines:#?}");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_the_terminal(
            points in prop::collection::vec((0..900_i64, 1e-6..1e6_f64), 0..50), from in -9..900_i64, length in 1..900_i64,
            value in 1e-6..1e6_f64, columns in 0..160_usize, unicode: bool,
        ) {
            let mut points = points;
            points.sort_by_key(|(slot, _)| *slot);
            let levels = vec![DrawnLevel { from, to: from + length, value }];
            for line in (LevelChart { unit: Unit::Seconds, points, levels }).lines(columns, unicode) {
                prop_assert!(text::width(&line) <= columns.max(LABELS + 10), "{line:?}");
            }
        }
    }
}
