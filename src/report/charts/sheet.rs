//! What all charts are drawn on: a sheet as wide as a phone, whose text is readable at that width and grows with the sheet;
//! coordinates, paths, axes and their labels.

use crate::measure::metrics::Unit;
use crate::output::scale::AxisScale;
use crate::output::{text as words, units};
use maud::{Markup, Render, html};
use std::fmt::{Display, Formatter, Write};

/// Width of every sheet, in its own units; text is 11 of them high.
pub(super) const WIDTH: f64 = 360.0;

/// Width of a column of text in the widest of the fonts that systems have: no name runs into its value.
pub(super) const COLUMN: f64 = 6.5;

/// A coordinate, to a tenth of a unit: finer is not visible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Coordinate(pub f64);

impl Display for Coordinate {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        // 0 has no sign.
        write!(f, "{}", (self.0 * 10.0).round() / 10.0 + 0.0)
    }
}

impl Render for Coordinate {
    fn render_to(&self, buffer: &mut String) {
        // Writing to a string does not fail.
        let _ = write!(buffer, "{self}");
    }
}

/// The data of a path: absolute positions alone.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct PathData(String);

impl PathData {
    fn push(&mut self, command: char, place: &dyn Display) {
        let _ = write!(self.0, "{command}{place}");
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn start(mut self, x: f64, y: f64) -> Self {
        self.push('M', &format_args!("{} {}", Coordinate(x), Coordinate(y)));
        self
    }

    pub(super) fn line(mut self, x: f64, y: f64) -> Self {
        self.push('L', &format_args!("{} {}", Coordinate(x), Coordinate(y)));
        self
    }

    pub(super) fn across(mut self, x: f64) -> Self {
        self.push('H', &Coordinate(x));
        self
    }

    pub(super) fn down(mut self, y: f64) -> Self {
        self.push('V', &Coordinate(y));
        self
    }

    pub(super) fn close(mut self) -> Self {
        self.0.push('Z');
        self
    }

    /// Lines from point to point.
    pub(super) fn through(self, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut is_first = true;
        points.into_iter().fold(self, |path, (x, y)| {
            if std::mem::take(&mut is_first) { path.start(x, y) } else { path.line(x, y) }
        })
    }
}

impl Render for PathData {
    fn render_to(&self, buffer: &mut String) {
        buffer.push_str(&self.0);
    }
}

/// The part of a sheet on which values are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plot {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

impl Plot {
    /// From left to right.
    pub(super) fn x(&self, share: f64) -> f64 {
        self.left + (self.right - self.left) * share
    }

    /// From the bottom upwards.
    pub(super) fn y(&self, share: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * share
    }
}

/// A picture that is one thing to a screen reader, or one whose links it can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SheetRole {
    Image,
    /// What is inside an image cannot be reached, so a picture with links is a document.
    Document,
}

impl SheetRole {
    pub(super) fn of(has_links: bool) -> Self {
        if has_links { SheetRole::Document } else { SheetRole::Image }
    }

    fn as_str(self) -> &'static str {
        match self {
            SheetRole::Image => "img",
            SheetRole::Document => "graphics-document",
        }
    }
}

/// The whole picture: as wide as there is room, never wider than the style allows.
pub(super) fn sheet(
    title: &str,
    description: &str,
    height: f64,
    role: SheetRole,
    drawing: &Markup,
) -> Markup {
    html! {
        svg.chart viewBox={ "0 0 " (Coordinate(WIDTH)) " " (Coordinate(height)) } role=(role.as_str()) {
            title { (words::escaped(title)) }
            @if !description.is_empty() { desc { (words::escaped(description)) } }
            (drawing)
        }
    }
}

/// A picture of nothing, which says so.
pub(super) fn empty_sheet(title: &str, description: &str) -> Markup {
    let drawing = html! {
        text.quiet x=(Coordinate(WIDTH / 2.0)) y="34" text-anchor="middle" { "Nothing was measured." }
    };
    sheet(title, description, 60.0, SheetRole::Image, &drawing)
}

/// Round values of a scale with their labels; where two would read alike, the second has none.
pub(super) fn labelled_ticks(scale: &AxisScale, unit: Unit, most: usize) -> Vec<(f64, String)> {
    let mut ticks: Vec<(f64, String)> =
        scale.ticks(most).into_iter().map(|value| (scale.share(value), units::tick(unit, value))).collect();
    ticks.dedup_by(|next, last| next.1 == last.1);
    ticks
}

/// Lines from top to bottom, with labels below the plot, and above it for a tall one.
pub(super) fn x_axis(plot: &Plot, ticks: &[(f64, String)], is_tall: bool) -> Markup {
    let lines = ticks
        .iter()
        .fold(PathData::default(), |path, (share, _)| path.start(plot.x(*share), plot.top).down(plot.bottom));
    html! {
        path.grid d=(lines) {}
        @for (x, anchor, label) in with_room(plot, ticks) {
            (x_label(x, plot.bottom + 14.0, anchor, label))
            @if is_tall { (x_label(x, plot.top - 5.0, anchor, label)) }
        }
    }
}

fn x_label(x: f64, y: f64, anchor: &str, label: &str) -> Markup {
    html! { text.quiet x=(Coordinate(x)) y=(Coordinate(y)) text-anchor=(anchor) { (label) } }
}

/// The labels that do not run into the one before them: even steps are close together at the end of a logarithmic axis.
fn with_room<'a>(plot: &Plot, ticks: &'a [(f64, String)]) -> Vec<(f64, &'static str, &'a str)> {
    let mut end = f64::NEG_INFINITY;
    let mut labels = Vec::new();
    for (share, label) in ticks {
        let (x, anchor) = anchored(plot.x(*share), label);
        let width = words::width(label) as f64 * COLUMN;
        let left = match anchor {
            "start" => x,
            "end" => x - width,
            _ => x - width / 2.0,
        };
        if left > end {
            labels.push((x, anchor, label.as_str()));
            end = left + width + COLUMN / 2.0;
        }
    }
    labels
}

/// Where a text that is to be centred at `x` stands, so that it does not leave the sheet.
pub(super) fn anchored(x: f64, text: &str) -> (f64, &'static str) {
    // Wide letters are wider than a column.
    let half = words::width(text) as f64 * COLUMN / 2.0 + 2.0;
    if x - half < 1.0 {
        (1.0, "start")
    } else if x + half > WIDTH - 1.0 {
        (WIDTH - 1.0, "end")
    } else {
        (x, "middle")
    }
}

/// Lines from left to right, with labels before the plot.
pub(super) fn y_axis(plot: &Plot, ticks: &[(f64, String)]) -> Markup {
    let lines = ticks.iter().fold(PathData::default(), |path, (share, _)| {
        path.start(plot.left, plot.y(*share)).across(plot.right)
    });
    html! {
        path.grid d=(lines) {}
        @for (share, label) in ticks {
            text.quiet x=(Coordinate(plot.left - 5.0)) y=(Coordinate(plot.y(*share) + 4.0)) text-anchor="end" {
                (label)
            }
        }
    }
}

/// A name that fits into `room`; the whole one where it does.
pub(super) fn fitted(name: &str, room: f64) -> String {
    words::cut(&words::escaped(name), (room / COLUMN).max(1.0) as usize, true)
}
