//! A small histogram of a distribution. Only for wide terminals and enough samples; the table says the same in numbers.

use super::scale::AxisScale;
use super::view::ReportView;
use super::{text, units};
use crate::measure::metrics::{METRICS, Metric, position};
use crate::measure::report::ModelReport;
use crate::measure::stats::percentile;

/// Narrower terminals, in columns, get no charts.
pub const MINIMUM_WIDTH: usize = 100;
/// With fewer samples a histogram shows noise.
pub const MINIMUM_SAMPLES: usize = 5;

const BINS: usize = 8;
const BAR: usize = 20;
const CHART_WIDTH: usize = 48;

/// Histograms of TTFT and end-to-end rate, side by side, for each model that has enough samples.
pub fn lines(models: &[ModelReport], view: &ReportView) -> Vec<String> {
    if view.terminal.width < MINIMUM_WIDTH {
        return Vec::new();
    }
    models.iter().flat_map(|model| model_lines(model, view)).collect()
}

fn model_lines(model: &ModelReport, view: &ReportView) -> Vec<String> {
    let charts: Vec<Vec<String>> = ["ttft", "tps"]
        .iter()
        .filter_map(|key| position(key))
        .filter_map(|place| chart(&METRICS[place], &model.figures[place].sorted, view.terminal.unicode))
        .collect();
    if charts.is_empty() {
        return Vec::new();
    }
    let name = view.paint().heading(&text::escape(&model.model.to_string()));
    std::iter::once(name).chain(side_by_side(&charts)).collect()
}

fn side_by_side(charts: &[Vec<String>]) -> Vec<String> {
    let height = charts.iter().map(Vec::len).max().unwrap_or(0);
    let line = |place: usize| {
        let mut line = String::from("  ");
        for chart in charts {
            let part = chart.get(place).map_or("", String::as_str);
            line.push_str(part);
            line.push_str(&" ".repeat(CHART_WIDTH.saturating_sub(text::width(part))));
        }
        line.trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

fn chart(metric: &Metric, sorted: &[f64], unicode: bool) -> Option<Vec<String>> {
    if sorted.len() < MINIMUM_SAMPLES {
        return None;
    }
    let (low, high) = range(sorted)?;
    let scale = AxisScale::linear([low, high], 0.0)?;
    let counts = bins(sorted, &scale);
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let edge = |place: usize| scale.value(place as f64 / BINS as f64);
    let labels: Vec<String> = (0..BINS).map(|place| units::cell(metric.unit, edge(place), unicode)).collect();
    // The samples are closer together than the precision of the labels; the table has said everything.
    if labels.windows(2).any(|pair| pair[0] == pair[1]) {
        return None;
    }
    let has_tail = sorted.last().is_some_and(|largest| *largest > high);
    let mut lines = vec![metric.title.to_owned()];
    for (place, (count, mut label)) in std::iter::zip(counts, labels).enumerate() {
        label.push_str(if has_tail && place == BINS - 1 { "+" } else { " " });
        let mut bar = bar(count, most, unicode);
        bar.push_str(if bar.is_empty() { "" } else { " " });
        lines.push(format!("{label:>9} {bar}{count}"));
    }
    Some(lines)
}

/// The range from the smallest sample to the largest, or to the start of a long tail: three times the distance
/// between the 10th and the 90th percentile above the median. Samples beyond it are counted in the last bin, whose
/// label then ends in `+`.
fn range(sorted: &[f64]) -> Option<(f64, f64)> {
    let (low, high) = (*sorted.first()?, *sorted.last()?);
    let spread = percentile(sorted, 90.0) - percentile(sorted, 10.0);
    let tail = percentile(sorted, 50.0) + 3.0 * spread;
    let high = if spread > 0.0 { high.min(tail) } else { high };
    (high > low).then_some((low, high))
}

fn bins(sorted: &[f64], scale: &AxisScale) -> [usize; BINS] {
    let mut counts = [0; BINS];
    for sample in sorted {
        let place = (scale.share(*sample) * BINS as f64) as usize;
        counts[place.min(BINS - 1)] += 1;
    }
    counts
}

/// A bar of at most [`BAR`] columns; in Unicode to the eighth of a column. One sample is always visible.
fn bar(count: usize, most: usize, unicode: bool) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (count * BAR * 8).div_ceil(most);
    if !unicode {
        return "#".repeat(eighths.div_ceil(8));
    }
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8]);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_in_a_bin_and_the_tail_in_the_last() {
        let mut samples: Vec<f64> = (0..50).map(|n| 0.2 + f64::from(n) * 0.002).collect();
        samples.push(60.0);
        let (low, high) = range(&samples).unwrap();
        assert!(low == 0.2 && high < 1.0);
        let counts = bins(&samples, &AxisScale::linear([low, high], 0.0).unwrap());
        assert_eq!(counts.iter().sum::<usize>(), 51);
        assert!(counts[BINS - 1] >= 1);
        let drawn = chart(&METRICS[0], &samples, true).unwrap();
        assert!(drawn[BINS].contains(" ms+ "), "{drawn:?}");
        assert!(!chart(&METRICS[0], &samples[..50], true).unwrap()[BINS].contains('+'));
    }

    #[test]
    fn equal_or_few_samples_draw_nothing() {
        let metric = &METRICS[0];
        assert_eq!(chart(metric, &[0.3; 9], true), None);
        assert_eq!(chart(metric, &[0.1, 0.2, 0.3, 0.4], true), None);
        assert!(chart(metric, &[0.1, 0.2, 0.3, 0.4, 0.5], true).is_some());
        let closer_than_written = [0.201_1, 0.201_2, 0.201_3, 0.201_4, 0.201_45];
        assert_eq!(chart(metric, &closer_than_written, true), None);
    }

    #[test]
    fn one_sample_in_a_million_is_still_seen() {
        assert_eq!(bar(1, 1_000_000, true), "▏");
        assert_eq!(bar(1, 1_000_000, false), "#");
        assert_eq!(bar(0, 10, true), "");
        assert_eq!(bar(10, 10, true).chars().count(), BAR);
    }
}
