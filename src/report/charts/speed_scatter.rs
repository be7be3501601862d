//! TTFT against tokens per second, both logarithmic: one point for each model, with its intervals as a cross.

use crate::domain::interval::Interval;
use maud::{Markup, html};

/// Its axes have their own units, so it has no [`super::ChartHead`].
#[derive(Debug, Clone, PartialEq)]
pub struct SpeedScatter {
    pub title: String,
    pub description: String,
    /// Most important first: where names would overlap, the first one keeps its name.
    pub points: Vec<ScatterPoint>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ScatterPoint {
    pub label: String,
    /// Where the point leads, relative to the page.
    pub link: Option<String>,
    /// Median in seconds.
    pub ttft: f64,
    pub ttft_interval: Option<Interval>,
    /// Median in tokens per second.
    pub rate: f64,
    pub rate_interval: Option<Interval>,
}

impl SpeedScatter {
    pub fn render(&self) -> Markup {
        html! {}
    }
}
