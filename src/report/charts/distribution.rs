//! How the samples of a figure are distributed: a histogram, on a logarithmic axis where they span much.

use super::ChartHead;
use maud::{Markup, html};

#[derive(Debug, Clone, PartialEq)]
pub struct DistributionChart {
    pub head: ChartHead,
    /// All samples, in any order.
    pub samples: Vec<f64>,
}

impl DistributionChart {
    pub fn render(&self) -> Markup {
        html! {}
    }
}
