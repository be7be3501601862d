//! The index, which is also the report in one file: models, pictures, changes, how wrong it is.

use super::methodology::{self, MethodTexts};
use super::{PageFrame, PageLinks, cells, changes, linked, pictures, standings, trust};
use crate::domain::series_change::WatchedFigure::{TokensPerSecond, Ttft};
use crate::output::text;
use crate::output::units;
use crate::report::contents::{CountedCircumstances, ReportContents, ReportedModel};
use maud::{Markup, html};

/// Models from which on the table can be searched.
const SEARCHED: usize = 10;

/// The page. A report in one file also says how it is measured.
pub fn page(contents: &ReportContents, texts: &MethodTexts, links: PageLinks) -> String {
    let models: Vec<&ReportedModel> = contents.models.iter().collect();
    let searches = models.len() >= SEARCHED;
    let body = html! {
        h1 { "How fast models answer" }
        (about(contents))
        @if models.is_empty() {
            (nothing())
        } @else {
            section aria-labelledby="standings" {
                h2 id="standings" { "Models" }
                @if searches { (search()) }
                (standings::table(&models, links))
                (standings::without_place(&models))
            }
            section aria-labelledby="pictures" {
                h2 id="pictures" { "How much it varies" }
                div.pictures {
                    (pictures::range_bars(Ttft, &models, links))
                    (pictures::range_bars(TokensPerSecond, &models, links))
                    (pictures::scatter(&models, links))
                }
            }
        }
        section aria-labelledby="changes" {
            h2 id="changes" { "What changed" }
            (changes::list(&contents.changes.iter().collect::<Vec<_>>(), links))
        }
        (trust::section(contents))
        @match links {
            PageLinks::Nowhere => { (methodology::section(texts)) }
            PageLinks::Site { .. } => { (providers(contents, links)) }
        }
    };
    PageFrame { title: "How fast models answer", links, data: "data/index.json", searches }.page(&body)
}

/// Of what time and under which circumstances the figures are.
fn about(contents: &ReportContents) -> Markup {
    let circumstances = &contents.circumstances;
    html! {
        p {
            "Measured from " (cells::moment(contents.from)) " to " (cells::moment(contents.as_of)) ", "
            (units::counted(contents.models.len() as u64, "model")) "."
        }
        @if !contents.models.is_empty() { p { (compared(circumstances)) } }
    }
}

/// For example `Compared are answers to the question short-v1 over new connections, as runner tokyo measured them.`
pub fn compared(circumstances: &CountedCircumstances) -> Markup {
    let over = match circumstances.connection.as_deref() {
        Some("cold") => "over a new connection for each",
        Some("warm") => "over open connections",
        _ => "over connections that are not told apart",
    };
    let blocks = if circumstances.block_hours == 24 { "days" } else { "3 hours" };
    let runners: Vec<String> =
        circumstances.runners.iter().map(|name| cells::word(name, "the runner without a name")).collect();
    html! {
        "Compared are answers to the question " bdi { (cells::word(&circumstances.profile, "without a name")) } " " (over)
        @if !runners.is_empty() { ", as measured by " bdi { (runners.join(" and ")) } }
        ". Figures are medians of " (blocks) "; their intervals hold the true one with 95 %."
    }
}

fn search() -> Markup {
    html! {
        div.search id="search" hidden {
            label for="words" { "Find models" }
            input id="words" type="search" autocomplete="off" spellcheck="false";
            p.quiet role="status" {}
        }
    }
}

fn nothing() -> Markup {
    html! {
        p {
            b { "Nothing was measured in this time." }
            " A report counts what daemons measure around the clock; requests that people make by hand are not in it."
        }
    }
}

fn providers(contents: &ReportContents, links: PageLinks) -> Markup {
    let names = contents.providers();
    html! {
        @if !names.is_empty() {
            section aria-labelledby="providers" {
                h2 id="providers" { "Providers" }
                ul { @for name in names { li { (linked(&text::escape(name), links.provider(name))) } } }
            }
        }
    }
}
