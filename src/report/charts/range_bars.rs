//! Bars of ranges: one row for each model, with what lies between the 10th and the 90th percentile, the interval of the
//! median, and the median.

use super::ChartHead;
use crate::domain::interval::Interval;
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
    /// Neighbouring rows of one tier share a band behind them, named `tier N`; their order is open.
    pub tier: Option<u32>,
    pub median: Option<f64>,
    /// The 95 % interval of the median: the thick bar.
    pub interval: Option<Interval>,
    /// The 10th and the 90th percentile: the thin bar.
    pub spread: Option<Interval>,
    pub samples: u64,
}

impl RangeBars {
    pub fn render(&self) -> Markup {
        html! {}
    }
}
