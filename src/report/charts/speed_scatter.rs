//! TTFT against tokens per second, both logarithmic: one point for each model, with its intervals as a cross.

use super::sheet::{
    COLUMN, Coordinate, PathData, Plot, SheetRole, WIDTH, empty_sheet, fitted, labelled_ticks, sheet, x_axis,
    y_axis,
};
use crate::domain::interval::Interval;
use crate::measure::metrics::Unit;
use crate::output::scale::AxisScale;
use crate::output::{text as words, units};
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

const HEIGHT: f64 = 300.0;
const PLOT: Plot = Plot { left: 36.0, right: WIDTH - 8.0, top: 22.0, bottom: 262.0 };

/// The least length of an axis, as a natural logarithm.
const LEAST: f64 = 0.5;

/// Room between the outermost points and the frame, as a part of the plot.
const MARGIN: f64 = 0.04;

/// Half the size of a point, and the height of its name.
const POINT: f64 = 3.0;
const LINE: f64 = 11.0;

/// The longest name beside a point.
const NAME: f64 = 130.0;

impl SpeedScatter {
    pub fn render(&self) -> Markup {
        let is_drawn = |point: &&ScatterPoint| {
            [point.ttft, point.rate].iter().all(|value| value.is_finite() && *value > 0.0)
        };
        let points: Vec<&ScatterPoint> = self.points.iter().filter(is_drawn).collect();
        let scale = |value: fn(&ScatterPoint) -> f64| {
            AxisScale::logarithmic(points.iter().map(|point| value(point)), LEAST)
        };
        let (Some(ttft), Some(rate)) = (scale(|point| point.ttft), scale(|point| point.rate)) else {
            return empty_sheet(&self.title, &self.description);
        };
        let axes = ScatterAxes { ttft, rate };
        let places: Vec<(f64, f64)> = points.iter().map(|point| axes.place(point)).collect();
        let names = NamePlaces::of(&points, &places);
        let drawing = html! {
            (axes.render())
            @for (point, place) in std::iter::zip(&points, &places) { (point.cross(&axes, *place)) }
            @for ((point, place), name) in points.iter().zip(&places).zip(&names.0) {
                (point.render(*place, name.as_ref()))
            }
        };
        let role = SheetRole::of(points.iter().any(|point| point.link.is_some()));
        sheet(&self.title, &self.description, HEIGHT, role, &drawing)
    }
}

struct ScatterAxes {
    ttft: AxisScale,
    rate: AxisScale,
}

/// Keeps points off the frame.
fn inside(share: f64) -> f64 {
    MARGIN + share * (1.0 - 2.0 * MARGIN)
}

impl ScatterAxes {
    fn x(&self, value: f64) -> f64 {
        PLOT.x(inside(self.ttft.share(value)))
    }

    fn y(&self, value: f64) -> f64 {
        PLOT.y(inside(self.rate.share(value)))
    }

    fn place(&self, point: &ScatterPoint) -> (f64, f64) {
        (self.x(point.ttft), self.y(point.rate))
    }

    fn render(&self) -> Markup {
        let moved = |ticks: Vec<(f64, String)>| -> Vec<_> {
            ticks.into_iter().map(|(share, label)| (inside(share), label)).collect()
        };
        html! {
            (y_axis(&PLOT, &moved(labelled_ticks(&self.rate, Unit::Rate, 5))))
            (x_axis(&PLOT, &moved(labelled_ticks(&self.ttft, Unit::Seconds, 5)), false))
            text.quiet x="0" y="11" { "tokens/s, more is faster" }
            text.quiet x=(Coordinate(PLOT.right)) y=(Coordinate(HEIGHT - 6.0)) text-anchor="end" {
                "time to first token, less is faster"
            }
        }
    }
}

impl ScatterPoint {
    /// Its intervals, as far as they are on the sheet.
    fn cross(&self, axes: &ScatterAxes, (x, y): (f64, f64)) -> Markup {
        let finite =
            |ends: Option<Interval>| ends.filter(|ends| ends.low.is_finite() && ends.high.is_finite());
        let mut path = PathData::default();
        if let Some(ends) = finite(self.ttft_interval) {
            path = path.start(axes.x(ends.low), y).across(axes.x(ends.high));
        }
        if let Some(ends) = finite(self.rate_interval) {
            path = path.start(x, axes.y(ends.low)).down(axes.y(ends.high));
        }
        html! { @if !path.is_empty() { path.cross d=(path) {} } }
    }

    fn render(&self, (x, y): (f64, f64), name: Option<&PlacedName>) -> Markup {
        let drawn = html! {
            circle.point cx=(Coordinate(x)) cy=(Coordinate(y)) r=(Coordinate(POINT)) { title { (self.sentence()) } }
            @if let Some(name) = name {
                text x=(Coordinate(name.x)) y=(Coordinate(name.y)) text-anchor=(name.anchor) { (name.text) }
            }
        };
        // A visible name names its link; a second one must not differ from it.
        let hidden = name.is_none().then(|| words::escaped(&self.label));
        html! {
            @if let Some(link) = &self.link {
                a href=(link) aria-label=[hidden] { (drawn) }
            } @else { (drawn) }
        }
    }

    fn sentence(&self) -> String {
        let ttft = units::seconds(self.ttft, true);
        format!("{}: TTFT {ttft}, {}", words::escaped(&self.label), units::rate(self.rate))
    }
}

/// A name beside its point.
struct PlacedName {
    text: String,
    x: f64,
    y: f64,
    anchor: &'static str,
}

/// What is taken on the sheet: left, top, right, bottom.
type TakenBox = (f64, f64, f64, f64);

/// The names that have room, one after another: each tries the places around its point.
struct NamePlaces(Vec<Option<PlacedName>>);

impl NamePlaces {
    fn of(points: &[&ScatterPoint], places: &[(f64, f64)]) -> Self {
        let around = |(x, y): &(f64, f64)| (x - POINT, y - POINT, x + POINT, y + POINT);
        let mut taken: Vec<TakenBox> = places.iter().map(around).collect();
        let name = |(point, place): (&&ScatterPoint, &(f64, f64))| {
            let text = fitted(&point.label, NAME);
            let (name, room) =
                candidates(&text, *place).into_iter().find(|(_, room)| is_free(room, &taken))?;
            taken.push(room);
            Some(name)
        };
        Self(points.iter().zip(places).map(name).collect())
    }
}

/// Right and left, above the cross; then above and below.
fn candidates(text: &str, (x, y): (f64, f64)) -> [(PlacedName, TakenBox); 4] {
    let width = words::width(text) as f64 * COLUMN;
    let place = |anchor, dx: f64, dy: f64| {
        let (x, y) = (x + dx, y + dy);
        let left = match anchor {
            "start" => x,
            "end" => x - width,
            _ => x - width / 2.0,
        };
        let name = PlacedName { text: text.to_owned(), x, y, anchor };
        (name, (left, y - LINE + 2.0, left + width, y + 2.0))
    };
    [
        place("start", POINT + 2.0, -4.0),
        place("end", -POINT - 2.0, -4.0),
        place("middle", 0.0, -POINT - 4.0),
        place("middle", 0.0, POINT + LINE),
    ]
}

fn is_free(room: &TakenBox, taken: &[TakenBox]) -> bool {
    let is_inside =
        room.0 >= PLOT.left && room.1 >= PLOT.top && room.2 <= PLOT.right && room.3 <= PLOT.bottom;
    let overlaps =
        |other: &TakenBox| room.0 < other.2 && other.0 < room.2 && room.1 < other.3 && other.1 < room.3;
    is_inside && !taken.iter().any(overlaps)
}
