//! How the samples of a figure are distributed: a histogram, on a logarithmic axis where they span much.

use super::ChartHead;
use super::sheet::{
    Coordinate, PathData, Plot, SheetRole, WIDTH, anchored, empty_sheet, labelled_ticks, sheet, x_axis,
    y_axis,
};
use crate::measure::metrics::Unit;
use crate::measure::stats::percentile;
use crate::output::scale::AxisScale;
use crate::output::units;
use maud::{Markup, html};

#[derive(Debug, Clone, PartialEq)]
pub struct DistributionChart {
    pub head: ChartHead,
    /// In ascending order, none overlapping another, equally wide on the axis.
    pub bins: Vec<DistributionBin>,
    /// True if the axis, and the width of bins, is logarithmic.
    pub is_logarithmic: bool,
    /// Marked in the picture.
    pub median: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DistributionBin {
    pub low: f64,
    pub high: f64,
    pub samples: u64,
}

const HEIGHT: f64 = 150.0;
const PLOT: Plot = Plot { left: 36.0, right: WIDTH - 8.0, top: 18.0, bottom: 128.0 };

/// Samples that span more than this factor are drawn on a logarithmic axis.
const FACTOR: f64 = 5.0;

/// The least width of the axis, as a part of its values.
const LEAST: f64 = 0.1;

const FEWEST_BINS: usize = 5;
const MOST_BINS: usize = 30;

impl DistributionChart {
    /// Sorts samples into bins, on the axis that suits them.
    pub fn of_samples(head: ChartHead, samples: &[f64]) -> Self {
        let mut sorted: Vec<f64> = samples.iter().copied().filter(|sample| sample.is_finite()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let Some(scale) = AxisScale::fitting(sorted.iter().copied(), FACTOR, LEAST) else {
            return Self { head, bins: Vec::new(), is_logarithmic: false, median: None };
        };
        let count = ((sorted.len() as f64).sqrt().ceil() as usize).clamp(FEWEST_BINS, MOST_BINS);
        let edge = |place: usize| scale.value(place as f64 / count as f64);
        let empty = |place| DistributionBin { low: edge(place), high: edge(place + 1), samples: 0 };
        let mut bins: Vec<DistributionBin> = (0..count).map(empty).collect();
        for sample in &sorted {
            let place = (scale.share(*sample) * count as f64) as usize;
            bins[place.min(count - 1)].samples += 1;
        }
        let median = Some(percentile(&sorted, 50.0));
        Self { head, bins, is_logarithmic: scale.is_logarithmic(), median }
    }

    pub fn render(&self) -> Markup {
        let most = self.bins.iter().map(|bin| bin.samples).max().unwrap_or(0);
        let edges = self.bins.iter().flat_map(|bin| [bin.low, bin.high]);
        let scale = if self.is_logarithmic {
            AxisScale::logarithmic(edges, LEAST)
        } else {
            AxisScale::linear(edges, LEAST)
        };
        let (Some(scale), 1..) = (scale, most) else {
            return empty_sheet(&self.head.title, &self.head.description);
        };
        let Some(heights) = AxisScale::linear([0.0, most as f64], LEAST) else {
            return empty_sheet(&self.head.title, &self.head.description);
        };
        let counts: Vec<_> = labelled_ticks(&heights, Unit::Count, 4)
            .into_iter()
            .filter(|(_, label)| !label.contains('.'))
            .collect();
        let drawing = html! {
            (y_axis(&PLOT, &counts))
            (x_axis(&PLOT, &labelled_ticks(&scale, self.head.unit, 5), false))
            @for bin in self.bins.iter().filter(|bin| bin.samples > 0) {
                (bin.render(self.head.unit, &scale, &heights))
            }
            @if let Some(median) = self.median.filter(|median| median.is_finite()) {
                (self.median_mark(PLOT.x(scale.share(median)), median))
            }
        };
        sheet(&self.head.title, &self.head.description, HEIGHT, SheetRole::Image, &drawing)
    }

    fn median_mark(&self, x: f64, median: f64) -> Markup {
        let label = format!("median {}", units::phrase(self.head.unit, median, true));
        let (at, anchor) = anchored(x, &label);
        html! {
            path.median d=(PathData::default().start(x, PLOT.top - 4.0).down(PLOT.bottom)) {}
            text x=(Coordinate(at)) y=(Coordinate(PLOT.top - 7.0)) text-anchor=(anchor) { (label) }
        }
    }
}

impl DistributionBin {
    fn render(&self, unit: Unit, scale: &AxisScale, heights: &AxisScale) -> Markup {
        let (from, to) = (PLOT.x(scale.share(self.low)), PLOT.x(scale.share(self.high)));
        // One sample among thousands is still seen.
        let y = PLOT.y(heights.share(self.samples as f64)).min(PLOT.bottom - 1.0);
        let width = (to - from - 1.0).max(0.5);
        let value = |value| units::phrase(unit, value, true);
        html! {
            rect.bar x=(Coordinate(from)) y=(Coordinate(y)) width=(Coordinate(width)) height=(Coordinate(PLOT.bottom - y)) {
                title { (value(self.low)) " to " (value(self.high)) ": " (units::counted(self.samples, "sample")) }
            }
        }
    }
}
