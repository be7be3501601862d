//! A figure by hour of the day and day of the week, UTC: one cell each, of a colour that grows with its value.

use super::ChartHead;
use super::sheet::{Coordinate, SheetRole, WIDTH, empty_sheet, sheet};
use crate::measure::metrics::Unit;
use crate::output::scale::AxisScale;
use crate::output::units;
use maud::{Markup, html};

#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    pub head: ChartHead,
    /// What was measured in hours of the week; an hour that is missing is empty.
    pub cells: Vec<HeatCell>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeatCell {
    /// Days after Monday, 0 to 6.
    pub weekday: u8,
    /// Its first hour in UTC, 0 to 23.
    pub hour: u8,
    /// Hours that it covers, at least one; those after midnight are left out.
    pub hours: u8,
    pub value: f64,
    pub samples: u64,
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const HOURS: u8 = 24;

/// Shades from the lowest value to the highest; the style has a colour for each.
const SHADES: usize = 7;

const LEFT: f64 = 34.0;
const TOP: f64 = 18.0;
const CELL: f64 = 13.5;
const GAP: f64 = 1.0;
const HEIGHT: f64 = TOP + 7.0 * CELL + 26.0;

/// Values beyond this many medians have the colour of those at the limit: one bad hour must not make all others alike.
const LIMIT: f64 = 3.0;

impl HeatMap {
    pub fn render(&self) -> Markup {
        let is_drawn = |cell: &&HeatCell| {
            cell.value.is_finite()
                && usize::from(cell.weekday) < DAYS.len()
                && cell.hour < HOURS
                && cell.hours > 0
        };
        let cells: Vec<&HeatCell> = self.cells.iter().filter(is_drawn).collect();
        let Some(shades) = HeatShades::of(cells.iter().map(|cell| cell.value).collect()) else {
            return empty_sheet(&self.head.title, &self.head.description);
        };
        let drawing = html! {
            text.quiet x="0" y=(Coordinate(TOP - 6.0)) { "UTC" }
            @for hour in (0..HOURS).step_by(6) {
                text.quiet x=(Coordinate(column(hour))) y=(Coordinate(TOP - 6.0)) { (format!("{hour:02}:00")) }
            }
            @for (place, day) in DAYS.iter().enumerate() {
                text.quiet x="0" y=(Coordinate(row(place) + CELL - 3.0)) { (day) }
            }
            rect.none x=(Coordinate(LEFT)) y=(Coordinate(TOP)) width=(Coordinate(CELL * f64::from(HOURS) - GAP))
                height=(Coordinate(CELL * 7.0 - GAP)) {}
            @for cell in cells { (cell.render(self.head.unit, &shades)) }
            (shades.legend(self.head.unit))
        };
        sheet(&self.head.title, &self.head.description, HEIGHT, SheetRole::Image, &drawing)
    }
}

fn column(hour: u8) -> f64 {
    LEFT + CELL * f64::from(hour)
}

fn row(day: usize) -> f64 {
    TOP + CELL * day as f64
}

impl HeatCell {
    fn render(&self, unit: Unit, shades: &HeatShades) -> Markup {
        let (x, y) = (column(self.hour), row(usize::from(self.weekday)));
        let (day, end) = (DAYS[usize::from(self.weekday)], self.hour.saturating_add(self.hours).min(HOURS));
        let width = CELL * f64::from(end - self.hour) - GAP;
        html! {
            rect class=(shades.class(self.value)) x=(Coordinate(x)) y=(Coordinate(y)) width=(Coordinate(width))
                height=(Coordinate(CELL - GAP)) {
                title {
                    (day) " " (format!("{:02}:00 to {end:02}:00", self.hour)) ": " (units::phrase(unit, self.value, true)) ", "
                    (units::counted(self.samples, "sample"))
                }
            }
        }
    }
}

/// Which shade a value has.
struct HeatShades {
    scale: AxisScale,
    /// True if some values are beyond the highest shade.
    is_capped: bool,
}

impl HeatShades {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let median = *values.get(values.len() / 2)?;
        let limit = if median > 0.0 { median * LIMIT } else { f64::INFINITY };
        let is_capped = values.last().is_some_and(|last| *last > limit);
        let capped = values.iter().map(|value| value.min(limit));
        // Shades of less than a quarter would show noise.
        let scale = if values[0] > 0.0 {
            AxisScale::logarithmic(capped, 1.25_f64.ln())
        } else {
            AxisScale::linear(capped, 0.2)
        };
        Some(Self { scale: scale?, is_capped })
    }

    fn class(&self, value: f64) -> &'static str {
        const CLASSES: [&str; SHADES] = ["h0", "h1", "h2", "h3", "h4", "h5", "h6"];
        let shade = (self.scale.share(value) * SHADES as f64) as usize;
        CLASSES[shade.min(SHADES - 1)]
    }

    fn legend(&self, unit: Unit) -> Markup {
        let (top, width) = (row(7) + 8.0, 16.0);
        let value = |share| units::phrase(unit, self.scale.value(share), true);
        let middle = |shade: usize| (shade as f64 + 0.5) / SHADES as f64;
        let left = (WIDTH - width * SHADES as f64) / 2.0;
        let highest = if self.is_capped { format!("{} and more", value(1.0)) } else { value(1.0) };
        html! {
            text.quiet x=(Coordinate(left - 6.0)) y=(Coordinate(top + 10.0)) text-anchor="end" { (value(0.0)) }
            @for shade in 0..SHADES {
                rect class=(self.class(self.scale.value(middle(shade)))) x=(Coordinate(left + width * shade as f64))
                    y=(Coordinate(top)) width=(Coordinate(width)) height="12" {}
            }
            text.quiet x=(Coordinate(left + width * SHADES as f64 + 6.0)) y=(Coordinate(top + 10.0)) { (highest) }
        }
    }
}
