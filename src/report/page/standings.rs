//! The headline table: one row a model, in tiers.

use super::{PageLinks, cells, linked, scrolling};
use crate::domain::series_change::WatchedFigure::{self, TokensPerSecond, Ttft};
use crate::output::units;
use crate::report::contents::{ReportedFigure, ReportedModel};
use maud::{Markup, html};

/// The table of these models, in their order.
pub fn table(models: &[&ReportedModel], links: PageLinks) -> Markup {
    let table = html! {
        table id="models" {
            caption { "Models by time to first token (TTFT), fastest first" }
            thead {
                tr {
                    th scope="col" { "Model" }
                    th scope="col" { "Place" }
                    (figure_heads(Ttft))
                    th scope="col" { "Answered" }
                    th scope="col" { "Place by tokens/s" }
                    (figure_heads(TokensPerSecond))
                    th scope="col" { "Newest sample before" }
                }
            }
            tbody { @for (place, model) in models.iter().enumerate() { (row(model, begins_tier(models, place), links)) } }
        }
    };
    html! {
        p {
            "Models of one tier are " b { "too close to call" }
            ": their intervals overlap, so another month could turn their order. A line parts the tiers. The true median \
             lies in a 95 % interval 19 times of 20."
        }
        (scrolling("Table of models", &table))
    }
}

fn figure_heads(figure: WatchedFigure) -> Markup {
    let name = match figure {
        Ttft => "TTFT",
        TokensPerSecond => "tokens/s",
    };
    html! {
        th scope="col" { (name) ", median" }
        th scope="col" { "95 % interval" }
        th scope="col" { "Samples" }
    }
}

/// True where the order against the row above is settled.
fn begins_tier(models: &[&ReportedModel], place: usize) -> bool {
    place > 0 && models[place].ttft.tier != models[place - 1].ttft.tier
}

fn row(model: &ReportedModel, begins_tier: bool, links: PageLinks) -> Markup {
    let name = cells::model(&model.name);
    html! {
        tr class=[begins_tier.then_some("tier")] data-find=(name) {
            th.name scope="row" { (linked(&name, links.model(model))) }
            (figure_cells(Ttft, &model.ttft))
            td { (cells::share(model.availability)) }
            (figure_cells(TokensPerSecond, &model.tokens_per_second))
            td { @match model.newest_before { Some(at) => { (cells::moment(at)) } None => { (cells::nothing()) } } }
        }
    }
}

fn figure_cells(figure: WatchedFigure, known: &ReportedFigure) -> Markup {
    html! {
        td title=[known.missing.as_ref().map(|missing| format!("lacks {missing}"))] { (cells::place(known)) }
        td { (cells::maybe(figure, known.median)) }
        td { (cells::range(figure, known.median_low, known.median_high)) }
        td { (units::grouped(known.n)) }
    }
}

/// The models without a place, with what each lacks.
pub fn without_place(models: &[&ReportedModel]) -> Markup {
    let without: Vec<(&ReportedModel, &String)> =
        models.iter().filter_map(|model| Some((*model, model.ttft.missing.as_ref()?))).collect();
    html! {
        @if !without.is_empty() {
            details {
                summary { "Why " (units::counted(without.len() as u64, "model")) " " (if without.len() == 1 { "has" } else { "have" }) " no place" }
                ul {
                    @for (model, missing) in without {
                        li { bdi { (cells::model(&model.name)) } " lacks " (missing) }
                    }
                }
            }
        }
    }
}
