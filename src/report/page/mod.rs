//! The pages of a report as HTML: the frame that all have in common. Every page is whole by itself: its style is in it, no
//! request leaves it, and it says everything without a script. All text from outside is escaped by the templates.

mod cells;
mod changes;
pub mod index;
pub mod methodology;
pub mod model;
mod pictures;
pub mod provider;
mod standings;
#[cfg(test)]
mod tests;
mod trust;

use super::charts::chart_style;
use super::contents::ReportedModel;
use super::contents::paths::slug;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// What a page may load: nothing. Its own style and script are inline.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("style.css");

/// Narrows the table of models to those whose names hold some words.
const SEARCH: &str = include_str!("search.js");

/// How a page leads to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageLinks {
    /// There is one page alone.
    Nowhere,
    /// The page is so many folders below the site's.
    Site { depth: usize },
}

impl PageLinks {
    /// The address of a file of the site, relative to the page.
    pub fn to(self, path: &str) -> Option<String> {
        match self {
            PageLinks::Nowhere => None,
            PageLinks::Site { depth } => Some(format!("{}{path}", "../".repeat(depth))),
        }
    }

    fn model(self, model: &ReportedModel) -> Option<String> {
        self.to(&format!("models/{}.html", model.path))
    }

    fn provider(self, provider: &str) -> Option<String> {
        self.to(&format!("providers/{}.html", slug(provider)))
    }
}

/// A page around its parts.
pub struct PageFrame<'a> {
    pub title: &'a str,
    pub links: PageLinks,
    /// The data beside the page: its path below the site's folder.
    pub data: &'a str,
    /// True if the page has a table that can be searched.
    pub searches: bool,
}

impl PageFrame<'_> {
    /// The whole page; `body` begins with its heading.
    pub fn page(&self, body: &Markup) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="generator" content=(GENERATOR);
                    title { (self.title) }
                    link rel="icon" href="data:,";
                    @if let Some(feed) = self.links.to("feed.atom") {
                        link rel="alternate" type="application/atom+xml" title="Changes" href=(feed);
                    }
                    style { (PreEscaped(STYLE)) (PreEscaped(chart_style())) }
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    header { (self.navigation()) }
                    main id="main" tabindex="-1" { (body) }
                    footer { (self.foot()) }
                    @if self.searches { script { (PreEscaped(SEARCH)) } }
                }
            }
        };
        page.into_string()
    }

    fn navigation(&self) -> Markup {
        let pages = [
            ("index.html", "Models"),
            ("methodology.html", "How it is measured"),
            ("feed.atom", "Feed of changes"),
        ];
        html! {
            @if let PageLinks::Site { .. } = self.links {
                nav aria-label="Site" {
                    ul {
                        @for (path, name) in pages {
                            @if let Some(address) = self.links.to(path) { li { a href=(address) { (name) } } }
                        }
                    }
                }
            }
        }
    }

    fn foot(&self) -> Markup {
        html! {
            p {
                "Made by " (GENERATOR) ". Times are UTC."
                @if let Some(data) = self.links.to(self.data) { " " a href=(data) { "The numbers of this page as JSON" } "." }
            }
        }
    }
}

/// The program and its version.
const GENERATOR: &str = concat!("llmbench ", env!("CARGO_PKG_VERSION"));

/// A table that scrolls by itself where it is wider than the screen; reachable by keyboard.
fn scrolling(label: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" aria-label=(label) tabindex="0" { (table) } }
}

/// A name with a link to its page, if there is one. Names that mix directions of writing do not disturb their
/// surroundings.
fn linked(name: &str, address: Option<String>) -> Markup {
    html! {
        @match address {
            Some(address) => { a href=(address) { bdi { (name) } } }
            None => { bdi { (name) } }
        }
    }
}
