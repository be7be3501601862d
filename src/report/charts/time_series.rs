//! A figure over time: medians of 3 hours or of days with their intervals, levels before and after a change, marks of
//! changes, and ticks for failures. Where nothing was measured, the line has a gap.

use super::ChartHead;
use super::sheet::{
    Coordinate, PathData, Plot, SheetRole, WIDTH, empty_sheet, labelled_ticks, sheet, x_axis, y_axis,
};
use super::time_axis::time_ticks;
use crate::domain::interval::Interval;
use crate::domain::series_change::EstimatedTime;
use crate::output::scale::AxisScale;
use crate::output::text as words;
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

/// A change: a numbered line at its time, a band over the time in which it may have been.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeMark {
    pub began: EstimatedTime,
    /// One line about it: by how much, and its cause.
    pub label: String,
}

const HEIGHT: f64 = 176.0;
const PLOT: Plot = Plot { left: 50.0, right: WIDTH - 8.0, top: 16.0, bottom: 152.0 };

/// Ticks of failures stand on the lower edge.
const FAILURE_TICK: f64 = 7.0;

/// An interval reaches at most this factor beyond the medians: one block with few samples must not flatten the others.
const REACH: f64 = 1.5;

/// Medians that span more than this factor are drawn on a logarithmic axis.
const FACTOR: f64 = 5.0;

/// The least height of the axis, as a part of its values.
const LEAST: f64 = 0.1;

impl TimeSeries {
    pub fn render(&self) -> Markup {
        let (Some(scale), Some(time)) = (self.scale(), self.time()) else {
            return empty_sheet(&self.head.title, &self.head.description);
        };
        let drawn: Vec<DrawnPoint> =
            self.points.iter().filter_map(|point| DrawnPoint::new(point, &time, &scale)).collect();
        // A little more than the step: blocks of a day may differ by a leap second of who made them.
        let longest = self.step + self.step / 8;
        let runs: Vec<&[DrawnPoint]> = drawn.chunk_by(|a, b| b.at - a.at <= longest).collect();
        let times = time_ticks(time.from, time.to, 5).into_iter().map(|(at, label)| (time.share(at), label));
        let drawing = html! {
            (self.change_bands(&time))
            (y_axis(&PLOT, &labelled_ticks(&scale, self.head.unit, 5)))
            (x_axis(&PLOT, &times.collect::<Vec<_>>(), false))
            @for run in &runs { (band(run)) }
            @for level in self.levels.iter().filter(|level| level.value.is_finite()) {
                path.level d=(PathData::default()
                    .start(PLOT.x(time.share(level.from)), PLOT.y(scale.share(level.value)))
                    .across(PLOT.x(time.share(level.to)))) {}
            }
            @for run in &runs { (line(run)) }
            (self.failures(&time))
            (self.change_marks(&time))
        };
        sheet(&self.head.title, &self.head.description, HEIGHT, SheetRole::Image, &drawing)
    }

    fn scale(&self) -> Option<AxisScale> {
        let medians = self.points.iter().filter_map(|point| point.median);
        let levels = self.levels.iter().map(|level| level.value);
        let values: Vec<f64> = medians.chain(levels).filter(|value| value.is_finite()).collect();
        let low = values.iter().copied().reduce(f64::min)?;
        let high = values.iter().copied().reduce(f64::max)?;
        let ends =
            self.points.iter().filter_map(|point| point.interval).flat_map(|ends| [ends.low, ends.high]);
        let ends = ends.filter(|end| (low / REACH..=high * REACH).contains(end));
        AxisScale::fitting(values.iter().copied().chain(ends), FACTOR, LEAST).map(|scale| scale.rounded(5))
    }

    fn time(&self) -> Option<TimeSpan> {
        let from = self.points.iter().map(|point| point.at).min()?;
        let last = self.points.iter().map(|point| point.at).max()?;
        Some(TimeSpan { from, to: last.checked_add_signed(self.step).unwrap_or(last) })
    }

    fn failures(&self, time: &TimeSpan) -> Markup {
        let failed = self.points.iter().filter(|point| point.failures > 0);
        let ticks = failed.fold(PathData::default(), |path, point| {
            path.start(PLOT.x(time.share(point.at)), PLOT.bottom).down(PLOT.bottom - FAILURE_TICK)
        });
        html! { @if !ticks.is_empty() { path.failure d=(ticks) {} } }
    }

    fn change_bands(&self, time: &TimeSpan) -> Markup {
        html! {
            @for mark in &self.changes {
                @let from = PLOT.x(time.share(mark.began.earliest));
                @let to = PLOT.x(time.share(mark.began.latest)).max(from);
                rect.when x=(Coordinate(from)) y=(Coordinate(PLOT.top)) width=(Coordinate(to - from))
                    height=(Coordinate(PLOT.bottom - PLOT.top)) {}
            }
        }
    }

    /// Numbers in the order in which the changes are given, for the list beside the picture.
    fn change_marks(&self, time: &TimeSpan) -> Markup {
        html! {
            @for (place, mark) in self.changes.iter().enumerate() {
                @let x = PLOT.x(time.share(mark.began.at));
                g {
                    title { (words::one_line(&mark.label)) }
                    path.change d=(PathData::default().start(x, PLOT.top - 2.0).down(PLOT.bottom)) {}
                    text.change x=(Coordinate(x)) y=(Coordinate(PLOT.top - 5.0)) text-anchor="middle" { (place + 1) }
                }
            }
        }
    }
}

/// The time that the picture shows.
struct TimeSpan {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

impl TimeSpan {
    fn share(&self, at: DateTime<Utc>) -> f64 {
        let milliseconds = |from: DateTime<Utc>, to: DateTime<Utc>| (to - from).num_milliseconds() as f64;
        let length = milliseconds(self.from, self.to);
        if length > 0.0 { (milliseconds(self.from, at) / length).clamp(0.0, 1.0) } else { 0.5 }
    }
}

/// A point with its place on the sheet.
struct DrawnPoint {
    at: DateTime<Utc>,
    x: f64,
    y: f64,
    /// The ends of its interval; the point itself where it has none.
    low: f64,
    high: f64,
}

impl DrawnPoint {
    fn new(point: &SeriesPoint, time: &TimeSpan, scale: &AxisScale) -> Option<Self> {
        let median = point.median.filter(|median| median.is_finite())?;
        let y = |value: f64| PLOT.y(scale.share(value));
        let ends = point.interval.filter(|ends| ends.low.is_finite() && ends.high.is_finite());
        let ends = ends.unwrap_or(Interval { low: median, high: median });
        Some(Self {
            at: point.at,
            x: PLOT.x(time.share(point.at)),
            y: y(median),
            low: y(ends.low),
            high: y(ends.high),
        })
    }
}

/// The intervals of joined points as one surface.
fn band(run: &[DrawnPoint]) -> Markup {
    if let [one] = run {
        let path = PathData::default().start(one.x, one.low).down(one.high);
        return html! { path.alone d=(path) {} };
    }
    let there = run.iter().map(|point| (point.x, point.high));
    let back = run.iter().rev().map(|point| (point.x, point.low));
    html! { path.band d=(PathData::default().through(there.chain(back)).close()) {} }
}

fn line(run: &[DrawnPoint]) -> Markup {
    if let [one] = run {
        return html! { circle.point cx=(Coordinate(one.x)) cy=(Coordinate(one.y)) r="2" {} };
    }
    html! { path.line d=(PathData::default().through(run.iter().map(|point| (point.x, point.y)))) {} }
}
