//! Changes on a page: what moved, since when, how far it reaches, and why.

use super::{PageLinks, cells, linked};
use crate::domain::series_change::{ChangeScope, ChangedLevel, SeriesChange, WatchedFigure};
use crate::output::change_letter::level_words;
use crate::output::text;
use crate::report::contents::ReportedChange;
use crate::report::contents::paths::model_path;
use maud::{Markup, html};

/// Changes of one list; the data file beside the page has all.
pub const MOST: usize = 100;

/// A list of changes, the latest begun first.
pub fn list(changes: &[&ReportedChange], links: PageLinks) -> Markup {
    html! {
        @if changes.is_empty() {
            p { "No change of level was found in this time. A series is judged from 17 days of measurements on." }
        } @else {
            ul.changes { @for one in changes.iter().take(MOST) { (item(&one.change, links)) } }
            @if changes.len() > MOST { p.quiet { "And " (changes.len() - MOST) " earlier ones." } }
        }
    }
}

fn item(change: &SeriesChange, links: PageLinks) -> Markup {
    let model = &change.series.model;
    let address = links.to(&format!("models/{}.html", model_path(model)));
    html! {
        li id={ "change-" (text::escape(&change.id)) } {
            (linked(&cells::model(model), address)) ": " (sentence(change)) ", since " (cells::moment(change.began.at))
            " (between " (cells::moment(change.began.earliest)) " and " (cells::moment(change.began.latest)) "), "
            @match change.ended {
                Some(ended) => { "over since " (cells::moment(ended.at)) }
                None => { span.open { "not over" } }
            }
            ". " (scope(change)) br;
            span.quiet { "Cause: " (cause(change)) }
        }
    }
}

/// The figure's name for people.
fn name(figure: WatchedFigure) -> &'static str {
    match figure {
        WatchedFigure::Ttft => "TTFT",
        WatchedFigure::TokensPerSecond => "tokens/s",
    }
}

/// For example `TTFT 412 ms → 515 ms, +25 % [+21, +29]`.
pub fn sentence(change: &SeriesChange) -> String {
    let words = text::escape(&level_words(&change.level));
    match &change.level {
        ChangedLevel::Figure { figure, .. } => words.replacen(figure.as_str(), name(*figure), 1),
        ChangedLevel::Swap { .. } => words,
    }
}

/// The cause line.
pub fn cause(change: &SeriesChange) -> String {
    match change.cause_line.as_str() {
        "" => "nothing is known of it".to_owned(),
        line => text::one_line(line),
    }
}

fn scope(change: &SeriesChange) -> String {
    let runner = cells::word(&change.series.runner, "the only runner");
    match change.scope {
        ChangeScope::Model => "Of this model.".to_owned(),
        ChangeScope::Provider => "Of several models of the provider at once.".to_owned(),
        ChangeScope::Runner => format!("Of everything that {runner} measures: the measuring side."),
        ChangeScope::Path => format!("Seen from {runner} alone: the path, not the provider."),
    }
}
