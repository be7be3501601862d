//! A figure by hour of the day and day of the week, UTC: one cell each, darker or brighter by its value.

use super::ChartHead;
use maud::{Markup, html};

#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    pub head: ChartHead,
    /// What was measured in each hour of the week; an hour that is missing is an empty cell.
    pub cells: Vec<HeatCell>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeatCell {
    /// Days after Monday, 0 to 6.
    pub weekday: u8,
    /// Hour in UTC, 0 to 23.
    pub hour: u8,
    pub value: f64,
    pub samples: u64,
}

impl HeatMap {
    pub fn render(&self) -> Markup {
        html! {}
    }
}
