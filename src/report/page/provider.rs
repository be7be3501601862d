//! The page of a provider: its models, and their changes.

use super::{PageFrame, PageLinks, cells, changes, pictures, standings};
use crate::domain::series_change::WatchedFigure::{TokensPerSecond, Ttft};
use crate::output::text;
use crate::report::contents::ProviderDetail;
use crate::report::contents::paths::slug;
use maud::html;

/// How deep the page lies in the site.
const DEPTH: usize = 1;

pub fn page(detail: &ProviderDetail<'_>) -> String {
    let links = PageLinks::Site { depth: DEPTH };
    let name = text::escape(detail.provider);
    let body = html! {
        h1 { bdi { (name) } }
        p { "Measured from " (cells::moment(detail.from)) " to " (cells::moment(detail.as_of)) ". Places are those among all models." }
        section aria-labelledby="standings" {
            h2 id="standings" { "Models" }
            (standings::table(&detail.models, links))
            (standings::without_place(&detail.models))
        }
        section aria-labelledby="pictures" {
            h2 id="pictures" { "How much it varies" }
            div.pictures {
                (pictures::range_bars(Ttft, &detail.models, links))
                (pictures::range_bars(TokensPerSecond, &detail.models, links))
            }
        }
        section aria-labelledby="changes" {
            h2 id="changes" { "What changed" }
            (changes::list(&detail.changes, links))
        }
    };
    let data = format!("data/providers/{}.json", slug(detail.provider));
    PageFrame { title: &name, links, data: &data, searches: false }.page(&body)
}
