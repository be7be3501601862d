//! Pictures as SVG. Each chart is plain data with a `render`; the same data gives the same bytes. Colours are classes that
//! [`chart_style`] defines for light, dark and print. A value that is not finite is left out of the picture.

mod distribution;
mod heat_map;
mod range_bars;
mod sheet;
mod speed_scatter;
mod style;
#[cfg(test)]
mod tests;
mod time_axis;
mod time_series;

pub use distribution::{DistributionBin, DistributionChart};
pub use heat_map::{HeatCell, HeatMap};
pub use range_bars::{RangeBars, RangeRow};
pub use speed_scatter::{ScatterPoint, SpeedScatter};
pub use time_series::{ChangeMark, ChartLevel, SeriesPoint, TimeSeries};

use crate::measure::metrics::Unit;

/// What every chart says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartHead {
    /// One line, without the unit: `Time to first token`.
    pub title: String,
    /// One or two sentences for who cannot see the picture: what it shows, and what stands out.
    pub description: String,
    /// Unit of all its values.
    pub unit: Unit,
}

/// The style of all charts, for the `<style>` of a page, once.
pub fn chart_style() -> &'static str {
    style::STYLE
}
