//! An incident of a series: for hours, or a few days, its figure was elsewhere, and then as usual again. Listed where somebody
//! asks, and told to nobody. Pure data.

use super::interval::Interval;
use super::series_change::{ChangeScope, EstimatedTime, MeasuredSeries, WatchedFigure};

/// An incident that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesIncident {
    pub series: MeasuredSeries,
    pub figure: WatchedFigure,
    /// The usual level and the level then, in the figure's unit.
    pub usual: f64,
    pub seen: f64,
    /// The 95 % interval of seen / usual.
    pub ratio: Interval,
    pub began: EstimatedTime,
    pub ended: EstimatedTime,
    pub scope: ChangeScope,
    /// Which other series saw it; empty where none can say.
    pub scope_line: String,
}
