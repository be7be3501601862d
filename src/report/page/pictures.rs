//! Pictures of several models, each with its table beside it.

use super::{PageLinks, cells, scrolling};
use crate::domain::interval::Interval;
use crate::domain::series_change::WatchedFigure::{self, TokensPerSecond, Ttft};
use crate::output::units;
use crate::report::charts::{ChartHead, RangeBars, RangeRow, ScatterPoint, SpeedScatter};
use crate::report::contents::{ReportedFigure, ReportedModel};
use maud::{Markup, html};

/// Models in one picture. More would be a picture that nobody reads, and a page of megabytes.
const MOST: usize = 40;

/// A picture with what it shows and its table.
pub fn figure(title: &str, description: &str, picture: &Markup, table: &Markup) -> Markup {
    html! {
        figure {
            figcaption { b { (title) } }
            (picture)
            p.quiet { (description) }
            details { summary { "The numbers of this picture" } (scrolling(title, table)) }
        }
    }
}

/// Range bars of a figure: the best models by place, or all where they are few.
pub fn range_bars(figure_of: WatchedFigure, models: &[&ReportedModel], links: PageLinks) -> Markup {
    let mut shown: Vec<&ReportedModel> =
        models.iter().filter(|model| known(figure_of, model).median.is_some()).copied().collect();
    let all = shown.len();
    shown.sort_by_key(|model| known(figure_of, model).place_from.unwrap_or(usize::MAX));
    shown.truncate(MOST);
    if shown.is_empty() {
        return html! {};
    }
    let better = match figure_of {
        Ttft => "Shorter is better",
        TokensPerSecond => "More is better",
    };
    let description = format!(
        "{better}. For each model the median, its 95 % interval, and the range from the 10th to the 90th percentile of medians of 3 hours."
    );
    let bars = RangeBars {
        head: ChartHead {
            title: cells::title(figure_of).to_owned(),
            description: description.clone(),
            unit: crate::report::contents::metric(figure_of).unit,
        },
        rows: shown.iter().map(|model| range_row(figure_of, model, links)).collect(),
    };
    let title = format!("{}{}", cells::title(figure_of), of_all(shown.len(), all));
    figure(&title, &description, &bars.render(), &range_table(figure_of, &shown))
}

fn of_all(shown: usize, all: usize) -> String {
    if shown < all { format!(", the first {shown} of {all} models") } else { String::new() }
}

fn known(figure: WatchedFigure, model: &ReportedModel) -> &ReportedFigure {
    match figure {
        Ttft => &model.ttft,
        TokensPerSecond => &model.tokens_per_second,
    }
}

fn interval(low: Option<f64>, high: Option<f64>) -> Option<Interval> {
    Some(Interval { low: low?, high: high? })
}

fn range_row(figure: WatchedFigure, model: &ReportedModel, links: PageLinks) -> RangeRow {
    let known = known(figure, model);
    RangeRow {
        label: cells::model(&model.name),
        link: links.model(model),
        tier: known.tier.and_then(|tier| u32::try_from(tier).ok()),
        median: known.median,
        interval: interval(known.median_low, known.median_high),
        spread: interval(known.p10, known.p90),
        samples: known.n,
    }
}

fn range_table(figure: WatchedFigure, models: &[&ReportedModel]) -> Markup {
    html! {
        table {
            caption { (cells::title(figure)) }
            thead {
                tr {
                    th scope="col" { "Model" }
                    @for name in ["Place", "Median", "95 % interval", "10th to 90th percentile", "Samples"] {
                        th scope="col" { (name) }
                    }
                }
            }
            tbody {
                @for (model, known) in models.iter().map(|model| (model, known(figure, model))) {
                    tr {
                        th.name scope="row" { bdi { (cells::model(&model.name)) } }
                        td { (cells::place(known)) }
                        td { (cells::maybe(figure, known.median)) }
                        td { (cells::range(figure, known.median_low, known.median_high)) }
                        td { (cells::range(figure, known.p10, known.p90)) }
                        td { (units::grouped(known.n)) }
                    }
                }
            }
        }
    }
}

/// TTFT against tokens per second.
pub fn scatter(models: &[&ReportedModel], links: PageLinks) -> Markup {
    let both =
        |model: &&&ReportedModel| model.ttft.median.is_some() && model.tokens_per_second.median.is_some();
    let with_both: Vec<&ReportedModel> = models.iter().filter(both).copied().collect();
    let shown = &with_both[..with_both.len().min(MOST)];
    // One point is against nothing.
    if shown.len() < 2 {
        return html! {};
    }
    let point = |model: &&ReportedModel| {
        Some(ScatterPoint {
            label: cells::model(&model.name),
            link: links.model(model),
            ttft: model.ttft.median?,
            ttft_interval: interval(model.ttft.median_low, model.ttft.median_high),
            rate: model.tokens_per_second.median?,
            rate_interval: interval(model.tokens_per_second.median_low, model.tokens_per_second.median_high),
        })
    };
    let description = "Each point is a model. Those to the left begin sooner, those at the top write faster; the arms \
                       of a cross are the 95 % intervals.";
    let picture = SpeedScatter {
        title: "Time to first token against tokens per second".to_owned(),
        description: description.to_owned(),
        points: shown.iter().filter_map(point).collect(),
    };
    let all = with_both.len();
    let title = format!("Time to first token against tokens per second{}", of_all(shown.len(), all));
    figure(&title, description, &picture.render(), &scatter_table(shown))
}

fn scatter_table(models: &[&ReportedModel]) -> Markup {
    html! {
        table {
            caption { "Time to first token and tokens per second" }
            thead { tr { @for name in ["Model", "TTFT, median", "Tokens/s, median"] { th scope="col" { (name) } } } }
            tbody {
                @for model in models {
                    tr {
                        th.name scope="row" { bdi { (cells::model(&model.name)) } }
                        td { (cells::maybe(Ttft, model.ttft.median)) }
                        td { (cells::maybe(TokensPerSecond, model.tokens_per_second.median)) }
                    }
                }
            }
        }
    }
}
