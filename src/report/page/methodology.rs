//! How it is measured, in the program's own words: the meanings of rows' fields, and what `--help` says of rankings, changes
//! and calibrations.

use super::{PageFrame, PageLinks, scrolling};
use crate::domain::row_fields;
use crate::measure::compare::FIGURES;
use crate::measure::ranking::CONFIDENCE;
use crate::measure::ranking::standings::BLOCKS_FOR_PLACE;
use crate::output::units;
use maud::{Markup, html};

/// Texts of the command line: paragraphs, then examples that are indented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodTexts {
    pub ranking: &'static str,
    pub changes: &'static str,
    pub calibration: &'static str,
}

/// The page.
pub fn page(texts: &MethodTexts) -> String {
    let links = PageLinks::Site { depth: 0 };
    let body = html! {
        h1 { "How it is measured" }
        section aria-labelledby="method" { h2 id="method" { "Definitions" } (parts(texts)) }
    };
    PageFrame { title: "How it is measured", links, data: "data/index.json", searches: false }.page(&body)
}

/// The same as a section of another page.
pub fn section(texts: &MethodTexts) -> Markup {
    html! {
        section aria-labelledby="method" { h2 id="method" { "How it is measured" } (parts(texts)) }
    }
}

fn parts(texts: &MethodTexts) -> Markup {
    html! {
        p { "One request is sent, every read of the answer is stamped, and one row is kept. A failure is never a sample of a speed." }
        (scrolling("Definitions of figures", &definitions()))
        h3 { "Places" }
        p {
            "On these pages a median of 3 hours stands for each of its samples. A place needs "
            (BLOCKS_FOR_PLACE) " blocks of time; intervals hold the true figure with " (units::share(CONFIDENCE)) "."
        }
        (paragraphs(texts.ranking))
        h3 { "Changes" }
        (paragraphs(texts.changes))
        h3 { "Calibration" }
        (paragraphs(texts.calibration))
    }
}

/// The figures of rows with what rows mean by them.
fn definitions() -> Markup {
    let meaning = |field: &str| {
        row_fields::of_runs().find(|known| known.name == field).map_or("", |known| known.meaning)
    };
    html! {
        table {
            caption { "Figures of a request" }
            thead { tr { @for name in ["Figure", "Field of rows and exports", "Unit", "Definition"] { th.text scope="col" { (name) } } } }
            tbody {
                @for figure in &FIGURES {
                    tr {
                        th scope="row" { (figure.title) }
                        td.text { code { (figure.field) } }
                        td.text { (figure.unit.as_str().replace('_', " ")) }
                        td.words { (without_ticks(meaning(figure.field))) }
                    }
                }
            }
        }
    }
}

/// Meanings are written for Markdown.
fn without_ticks(text: &str) -> String {
    text.replace('`', "")
}

/// The paragraphs of a text of `--help`, without its examples and exit statuses.
fn paragraphs(text: &str) -> Markup {
    let told = text.split("\n\n").filter(|part| !part.starts_with("  ") && !part.starts_with("Exit status"));
    html! { @for part in told { p { (without_ticks(part)) } } }
}
