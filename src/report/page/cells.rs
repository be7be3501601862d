//! Numbers, names and times as pages write them. Every number has its unit; what is not known is a dash that says so to
//! whoever listens.

use crate::domain::ModelRef;
use crate::domain::series_change::WatchedFigure;
use crate::output::{text, units};
use crate::report::contents::ReportedFigure;
use chrono::{DateTime, Utc};
use maud::{Markup, html};

/// A figure's value with its unit.
pub fn value(figure: WatchedFigure, value: f64) -> String {
    match figure {
        WatchedFigure::Ttft => units::seconds(value, true),
        WatchedFigure::TokensPerSecond => units::rate(value),
    }
}

/// The same, or a dash.
pub fn maybe(figure: WatchedFigure, known: Option<f64>) -> Markup {
    known.map_or_else(nothing, |known| html! { (value(figure, known)) })
}

/// Two values as a range.
pub fn range(figure: WatchedFigure, low: Option<f64>, high: Option<f64>) -> Markup {
    match low.zip(high) {
        Some((low, high)) => html! { (value(figure, low)) " to " (value(figure, high)) },
        None => nothing(),
    }
}

/// What is not known.
pub fn nothing() -> Markup {
    html! { span aria-label="none" role="img" { "–" } }
}

/// A share as a percentage.
pub fn share(known: Option<f64>) -> Markup {
    known.map_or_else(nothing, |known| html! { (units::share(known)) })
}

/// The name of a figure in headings.
pub fn title(figure: WatchedFigure) -> &'static str {
    match figure {
        WatchedFigure::Ttft => "Time to first token",
        WatchedFigure::TokensPerSecond => "Tokens per second",
    }
}

/// A place: `3`, or `4–7, too close to call`.
pub fn place(figure: &ReportedFigure) -> Markup {
    match (figure.place_from, figure.place_to) {
        (Some(from), Some(to)) if from < to => html! { (from) "–" (to) ", too close to call" },
        (Some(from), _) => html! { (from) },
        _ => nothing(),
    }
}

/// A moment for people and programs.
pub fn moment(at: DateTime<Utc>) -> Markup {
    let machine = at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    html! { time datetime=(machine) { (at.format("%Y-%m-%d %H:%M UTC")) } }
}

/// A model's name on a page.
pub fn model(name: &ModelRef) -> String {
    text::escape(&name.to_string())
}

/// A name that may be absent.
pub fn word(name: &Option<String>, absent: &str) -> String {
    name.as_deref().map_or_else(|| absent.to_owned(), text::escape)
}
