//! Bars of ranges: one row for each model, with what lies between the 10th and the 90th percentile, the interval of the
//! median, and the median.

use super::ChartHead;
use super::sheet::{
    COLUMN, Coordinate, PathData, Plot, SheetRole, WIDTH, empty_sheet, fitted, labelled_ticks, sheet, x_axis,
};
use crate::domain::interval::Interval;
use crate::measure::metrics::Unit;
use crate::output::scale::AxisScale;
use crate::output::{text as words, units};
use maud::{Markup, html};

/// One row a model, in the order in which they are given.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeBars {
    pub head: ChartHead,
    pub rows: Vec<RangeRow>,
}

/// What one row shows; what is `None` is not drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeRow {
    pub label: String,
    /// Where the label leads, relative to the page.
    pub link: Option<String>,
    /// Neighbouring rows of one tier share a band behind them, and are said to be too close to call.
    pub tier: Option<u32>,
    pub median: Option<f64>,
    /// The 95 % interval of the median: the thick bar.
    pub interval: Option<Interval>,
    /// The 10th and the 90th percentile: the thin bar.
    pub spread: Option<Interval>,
    pub samples: u64,
}

const PLOT_TOP: f64 = 18.0;
const ROW: f64 = 30.0;
const TIER_LINE: f64 = 17.0;
const FOOT: f64 = 20.0;

/// Where a row's text stands, and the middle of its bars, below its top.
const BASELINE: f64 = 12.0;
const BARS: f64 = 21.5;

/// Values that span more than this factor are drawn on a logarithmic axis.
const FACTOR: f64 = 5.0;

/// The least width of the axis, as a part of its values.
const LEAST: f64 = 0.1;

impl RangeBars {
    pub fn render(&self) -> Markup {
        let values = self.rows.iter().flat_map(RangeRow::values);
        let Some(scale) = AxisScale::fitting(values, FACTOR, LEAST) else {
            return empty_sheet(&self.head.title, &self.head.description);
        };
        let bands = self.bands();
        let bottom = bands.last().map_or(PLOT_TOP, |band| band.top + band.height);
        let plot = Plot { left: 6.0, right: WIDTH - 6.0, top: PLOT_TOP, bottom };
        let ticks = labelled_ticks(&scale, self.head.unit, 5);
        let drawing = html! {
            @for band in &bands { (band.behind()) }
            (x_axis(&plot, &ticks, true))
            @for band in &bands { (band.rows(self.head.unit, &plot, &scale)) }
        };
        let role = SheetRole::of(self.rows.iter().any(|row| row.link.is_some()));
        sheet(&self.head.title, &self.head.description, bottom + FOOT, role, &drawing)
    }

    fn bands(&self) -> Vec<TierBand<'_>> {
        let mut top = PLOT_TOP;
        let tiers = self.rows.chunk_by(|a, b| a.tier == b.tier).enumerate();
        let band = |(place, rows): (usize, _)| {
            let band = TierBand::new(rows, place, top);
            top += band.height;
            band
        };
        tiers.map(band).collect()
    }
}

/// Rows of one tier.
struct TierBand<'a> {
    rows: &'a [RangeRow],
    is_even: bool,
    top: f64,
    height: f64,
}

impl<'a> TierBand<'a> {
    fn new(rows: &'a [RangeRow], place: usize, top: f64) -> Self {
        let mut band = Self { rows, is_even: place.is_multiple_of(2), top, height: 0.0 };
        band.height = band.first_row() - top + ROW * rows.len() as f64;
        band
    }

    /// Said where the order of rows says nothing.
    fn title(&self) -> Option<String> {
        let tier = self.tier().filter(|_| self.rows.len() > 1);
        tier.map(|tier| format!("tier {tier}: too close to call"))
    }

    fn first_row(&self) -> f64 {
        self.top + if self.title().is_some() { TIER_LINE } else { 0.0 }
    }

    fn tier(&self) -> Option<u32> {
        self.rows.first().and_then(|row| row.tier)
    }

    fn behind(&self) -> Markup {
        let class = if self.is_even { "tier" } else { "tier odd" };
        html! {
            @if self.tier().is_some() {
                rect class=(class) x="0" y=(Coordinate(self.top)) width=(Coordinate(WIDTH)) height=(Coordinate(self.height)) {}
            }
        }
    }

    fn rows(&self, unit: Unit, plot: &Plot, scale: &AxisScale) -> Markup {
        let first = self.first_row();
        html! {
            @if let Some(title) = self.title() {
                text.quiet x="6" y=(Coordinate(self.top + BASELINE)) { (title) }
            }
            @for (place, row) in self.rows.iter().enumerate() {
                (row.render(unit, plot, scale, first + ROW * place as f64))
            }
        }
    }
}

impl RangeRow {
    fn values(&self) -> impl Iterator<Item = f64> {
        let ends = [self.interval, self.spread].into_iter().flatten().flat_map(|ends| [ends.low, ends.high]);
        ends.chain(self.median)
    }

    fn render(&self, unit: Unit, plot: &Plot, scale: &AxisScale, top: f64) -> Markup {
        let value = self.median.filter(|median| median.is_finite());
        let value = value.map_or_else(|| "no median".to_owned(), |median| units::phrase(unit, median, true));
        let room = WIDTH - 18.0 - words::width(&value) as f64 * COLUMN;
        let name = html! { text x="6" y=(Coordinate(top + BASELINE)) { (fitted(&self.label, room)) } };
        html! {
            g {
                title { (self.sentence(unit)) }
                @if let Some(link) = &self.link { a href=(link) { (name) } } @else { (name) }
                text.value x=(Coordinate(plot.right)) y=(Coordinate(top + BASELINE)) text-anchor="end" { (value) }
                (bar("spread", self.spread, plot, scale, top))
                (bar("interval", self.interval, plot, scale, top))
                @if let Some(median) = self.median.filter(|median| median.is_finite()) {
                    path.median d=(PathData::default()
                        .start(plot.x(scale.share(median)), top + BARS - 6.0).down(top + BARS + 6.0)) {}
                }
            }
        }
    }

    /// All that the row shows, for who points at it or hears it.
    fn sentence(&self, unit: Unit) -> String {
        let value = |value| units::phrase(unit, value, true);
        let range =
            |name: &str, ends: &Interval| format!("{name} {} to {}", value(ends.low), value(ends.high));
        let median = self.median.map(|median| format!("median {}", value(median)));
        let interval = self.interval.as_ref().map(|ends| range("95 % interval", ends));
        let spread = self.spread.as_ref().map(|ends| range("10th to 90th percentile", ends));
        let samples = units::counted(self.samples, "sample");
        let parts: Vec<String> = [median, interval, spread, Some(samples)].into_iter().flatten().collect();
        format!("{}: {}", words::escaped(&self.label), parts.join(", "))
    }
}

fn bar(class: &str, ends: Option<Interval>, plot: &Plot, scale: &AxisScale, top: f64) -> Markup {
    let ends = ends.filter(|ends| ends.low.is_finite() && ends.high.is_finite());
    let y = top + BARS;
    let path = ends.map(|ends| {
        let (from, to) = (plot.x(scale.share(ends.low)), plot.x(scale.share(ends.high)));
        PathData::default().start(from, y).across(to)
    });
    html! { @if let Some(path) = path { path class=(class) d=(path) {} } }
}
