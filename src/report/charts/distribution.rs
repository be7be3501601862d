//! How the samples of a figure are distributed: a histogram, on a logarithmic axis where they span much.

use super::ChartHead;
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

impl DistributionChart {
    /// Sorts samples into bins, on the axis that suits them.
    pub fn of_samples(head: ChartHead, samples: &[f64]) -> Self {
        let _ = samples;
        Self { head, bins: Vec::new(), is_logarithmic: false, median: None }
    }

    pub fn render(&self) -> Markup {
        html! {}
    }
}
