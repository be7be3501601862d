//! A figure over time: medians of 3 hours or of days with their intervals, levels before and after a change, marks of
//! changes, and ticks for failures. Where nothing was measured, the line has a gap.

use super::ChartHead;
use crate::domain::interval::Interval;
use crate::domain::series_change::EstimatedTime;
use chrono::{DateTime, TimeDelta, Utc};
use maud::{Markup, html};

#[derive(Debug, Clone, PartialEq)]
pub struct TimeSeries {
    pub head: ChartHead,
    /// In order of time.
    pub points: Vec<SeriesPoint>,
    /// The time that one point stands for: 3 hours, or a day. Neighbours further apart than that are not joined.
    pub step: TimeDelta,
    /// The levels before and after changes.
    pub levels: Vec<ChartLevel>,
    pub changes: Vec<ChangeMark>,
}

/// One block of time.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPoint {
    /// When it begins.
    pub at: DateTime<Utc>,
    /// `None`: no sample succeeded.
    pub median: Option<f64>,
    /// The 95 % interval of the median.
    pub interval: Option<Interval>,
    /// Failed requests: more than none gives a tick at the foot of the picture.
    pub failures: u64,
}

/// A level over a part of the time.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartLevel {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub value: f64,
}

/// A change: a line at its time, a band over the time in which it may have been.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeMark {
    pub began: EstimatedTime,
    /// One line about it: by how much, and its cause.
    pub label: String,
}

impl TimeSeries {
    pub fn render(&self) -> Markup {
        html! {}
    }
}
