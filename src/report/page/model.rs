//! The page of a model: its standing, its days with changes, its week, how its figures lie, the ways in which it was
//! measured, and its failures.

use super::pictures::figure;
use super::{PageFrame, PageLinks, cells, changes, index, linked, scrolling};
use crate::domain::series_change::WatchedFigure::{self, TokensPerSecond, Ttft};
use crate::domain::series_change::{ChangedLevel, SeriesChange};
use crate::output::{text, units};
use crate::report::charts::{
    ChangeMark, ChartHead, DistributionChart, HeatCell, HeatMap, SeriesPoint, TimeSeries,
};
use crate::report::contents::model_detail::{
    MeasuredDay, MeasuredHours, MeasuredRoute, ModelDetail, SpreadPercentiles,
};
use crate::report::contents::{CountedCircumstances, metric};
use chrono::TimeDelta;
use maud::{Markup, html};

/// How deep the page lies in the site.
const DEPTH: usize = 2;

/// Hours of a cell of the week.
const CELL_HOURS: u8 = 3;

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

pub fn page(detail: &ModelDetail<'_>, circumstances: &CountedCircumstances) -> String {
    let links = PageLinks::Site { depth: DEPTH };
    let standing = detail.standing;
    let name = cells::model(&standing.name);
    let provider = text::escape(&standing.provider);
    let body = html! {
        h1 { bdi { (name) } }
        p { "A model of " (linked(&provider, links.provider(&standing.provider))) ". " (index::compared(circumstances)) }
        (standings_list(detail))
        section aria-labelledby="time" {
            h2 id="time" { "Day by day" }
            (uncompared(detail))
            div.pictures { (days(Ttft, detail)) (days(TokensPerSecond, detail)) }
        }
        section aria-labelledby="changes" {
            h2 id="changes" { "What changed" }
            (changes::list(&detail.changes, links))
        }
        section aria-labelledby="week" { h2 id="week" { "Hour and weekday" } (week(detail)) }
        section aria-labelledby="spread" {
            h2 id="spread" { "How much it varies" }
            div.pictures {
                (spread(Ttft, detail, &detail.spread.ttft))
                (spread(TokensPerSecond, detail, &detail.spread.tokens_per_second))
            }
        }
        section aria-labelledby="routes" { h2 id="routes" { "How it was measured" } (routes(&detail.routes)) }
        section aria-labelledby="failures" { h2 id="failures" { "Failures" } (failures(detail)) }
    };
    let data = format!("data/models/{}.json", standing.path);
    PageFrame { title: &name, links, data: &data, searches: false }.page(&body)
}

/// The standing as terms and values.
fn standings_list(detail: &ModelDetail<'_>) -> Markup {
    let standing = detail.standing;
    let figure = |figure: WatchedFigure| {
        let known = match figure {
            Ttft => &standing.ttft,
            TokensPerSecond => &standing.tokens_per_second,
        };
        html! {
            dt { (cells::title(figure)) }
            dd {
                (cells::maybe(figure, known.median))
                @if known.median_low.is_some() { " (95 % interval " (cells::range(figure, known.median_low, known.median_high)) ")" }
                ", " (units::counted(known.n, "sample"))
                @match &known.missing {
                    Some(missing) => { "; no place, because it lacks " (missing) }
                    None => { "; place " (cells::place(known)) }
                }
            }
        }
    };
    html! {
        dl {
            (figure(Ttft))
            (figure(TokensPerSecond))
            dt { "Answered" }
            dd { (cells::share(standing.availability)) " of " (units::counted(standing.attempts, "attempt")) }
            dt { "Newest sample" }
            dd { @match standing.newest_before { Some(at) => { "before " (cells::moment(at)) } None => { "none in this time" } } }
        }
    }
}

/// What pictures show of a model that was not measured under the compared circumstances.
fn uncompared(detail: &ModelDetail<'_>) -> Markup {
    let shown = detail.routes.iter().find(|route| route.pictured && !route.compared);
    html! {
        @if let Some(route) = shown {
            p {
                "There is no time to first token under the compared circumstances. The pictures show answers to the question "
                bdi { (cells::word(&route.profile, "without a name")) } " (" (cells::word(&route.connection, "no connection"))
                "), as measured by " bdi { (cells::word(&route.runner, "the runner without a name")) } "."
            }
        }
    }
}

fn of_day(figure: WatchedFigure, day: &MeasuredDay) -> Option<f64> {
    match figure {
        Ttft => day.ttft,
        TokensPerSecond => day.tokens_per_second,
    }
}

fn days(figure_of: WatchedFigure, detail: &ModelDetail<'_>) -> Markup {
    if detail.days.is_empty() {
        return html! {};
    }
    let point = |day: &MeasuredDay| SeriesPoint {
        at: day.at,
        median: of_day(figure_of, day),
        interval: None,
        failures: day.failures,
    };
    let description =
        "Median of each UTC day, with changes of level as they were found and marks where requests failed.";
    let chart = TimeSeries {
        head: head(figure_of, description),
        points: detail.days.iter().map(point).collect(),
        step: TimeDelta::days(1),
        levels: Vec::new(),
        changes: detail.changes.iter().filter_map(|one| mark(figure_of, &one.change)).collect(),
    };
    let table = html! {
        table {
            caption { (cells::title(figure_of)) " by UTC day" }
            thead { tr { @for name in ["Day", "Median", "Attempts", "Failures"] { th scope="col" { (name) } } } }
            tbody {
                @for day in &detail.days {
                    tr {
                        th scope="row" { (day.at.format("%Y-%m-%d")) }
                        td { (cells::maybe(figure_of, of_day(figure_of, day))) }
                        td { (units::grouped(day.attempts)) }
                        td { (units::grouped(day.failures)) }
                    }
                }
            }
        }
    };
    figure(cells::title(figure_of), description, &chart.render(), &table)
}

fn head(figure: WatchedFigure, description: &str) -> ChartHead {
    ChartHead {
        title: cells::title(figure).to_owned(),
        description: description.to_owned(),
        unit: metric(figure).unit,
    }
}

/// The mark of a change of this figure; swaps are marked in both pictures.
fn mark(figure: WatchedFigure, change: &SeriesChange) -> Option<ChangeMark> {
    let concerns = match &change.level {
        ChangedLevel::Figure { figure: of, .. } => *of == figure,
        ChangedLevel::Swap { .. } => true,
    };
    let label = format!("{}. {}", changes::sentence(change), changes::cause(change));
    concerns.then_some(ChangeMark { began: change.began, label })
}

fn week(detail: &ModelDetail<'_>) -> Markup {
    if detail.week.is_empty() {
        return html! { p { "There is no sample." } };
    }
    let description = "Median time to first token in each 3 hours of the week, UTC.";
    let cell = |cell: &MeasuredHours| HeatCell {
        weekday: cell.weekday,
        hour: cell.hour,
        hours: CELL_HOURS,
        value: cell.ttft,
        samples: cell.n,
    };
    let chart = HeatMap { head: head(Ttft, description), cells: detail.week.iter().map(cell).collect() };
    let at = |weekday: usize, hour: u8| {
        detail.week.iter().find(|cell| usize::from(cell.weekday) == weekday && cell.hour == hour)
    };
    let first_hours = (0..24).step_by(CELL_HOURS.into());
    let table = html! {
        table {
            caption { "Median time to first token by weekday and hour, UTC" }
            thead {
                tr {
                    th scope="col" { "Day" }
                    @for hour in first_hours.clone() { th scope="col" { (format!("{hour:02}:00")) } }
                }
            }
            tbody {
                @for (weekday, name) in WEEKDAYS.iter().enumerate() {
                    tr {
                        th scope="row" { (name) }
                        @for hour in first_hours.clone() { td { (cells::maybe(Ttft, at(weekday, hour).map(|cell| cell.ttft))) } }
                    }
                }
            }
        }
    };
    figure("Hours of the week", description, &chart.render(), &table)
}

fn spread(figure_of: WatchedFigure, detail: &ModelDetail<'_>, known: &SpreadPercentiles) -> Markup {
    let medians = detail.medians(figure_of);
    if medians.is_empty() {
        return html! {};
    }
    let description = "How often medians of 3 hours were how large, each counted as often as it has samples.";
    let chart = DistributionChart::of_samples(head(figure_of, description), &medians);
    let rows = [
        ("Least", known.min),
        ("10th percentile", known.p10),
        ("25th percentile", known.p25),
        ("Middle", known.p50),
        ("75th percentile", known.p75),
        ("90th percentile", known.p90),
        ("Most", known.max),
    ];
    let table = html! {
        table {
            caption { (cells::title(figure_of)) ": percentiles of medians of 3 hours, each counted as often as it has samples" }
            thead { tr { th scope="col" { "Percentile" } th scope="col" { "Value" } } }
            tbody { @for (name, value) in rows { tr { th scope="row" { (name) } td { (cells::maybe(figure_of, value)) } } } }
        }
    };
    figure(cells::title(figure_of), description, &chart.render(), &table)
}

fn routes(routes: &[MeasuredRoute]) -> Markup {
    let heads = [
        "Question",
        "Connection",
        "In the comparison",
        "TTFT, median",
        "10th to 90th percentile",
        "Samples",
        "Tokens/s, median",
        "Answered",
        "Attempts",
        "Says it is",
        "Quantization",
        "Endpoint",
    ];
    let said = |known: &Option<String>| match known {
        Some(known) => html! { bdi { (text::escape(known)) } },
        None => cells::nothing(),
    };
    let table = html! {
        table {
            caption { "Each combination of runner, question and connection. Cold is a new connection for each request." }
            thead { tr { th scope="col" { "Runner" } @for name in heads { th scope="col" { (name) } } } }
            tbody {
                @for one in routes {
                    tr {
                        th scope="row" { bdi { (cells::word(&one.runner, "unnamed")) } }
                        td { (said(&one.profile)) }
                        td { (said(&one.connection)) }
                        td { (if one.compared { "yes" } else { "no" }) }
                        td { (cells::maybe(Ttft, one.ttft.median)) }
                        td { (cells::range(Ttft, one.ttft.p10, one.ttft.p90)) }
                        td { (units::grouped(one.ttft.n)) }
                        td { (cells::maybe(TokensPerSecond, one.tokens_per_second.median)) }
                        td { (cells::share(one.availability)) }
                        td { (units::grouped(one.attempts)) }
                        td { (said(&one.response_model)) }
                        td { (said(&one.quantization)) }
                        td { (said(&one.route_endpoint_tag)) }
                    }
                }
            }
        }
    };
    scrolling("Ways in which the model was measured", &table)
}

fn failures(detail: &ModelDetail<'_>) -> Markup {
    if detail.failures_by_kind.is_empty() {
        return html! { p { "No failure in this time." } };
    }
    let table = html! {
        table {
            caption {
                "Failures in this time by kind, also those of the measuring side and of requests by hand"
                @if detail.standing.endpoint.is_some() { "; of all endpoints of the model together" }
            }
            thead { tr { th scope="col" { "Kind" } th scope="col" { "Failures" } } }
            tbody {
                @for (kind, count) in &detail.failures_by_kind {
                    tr { th scope="row" { (text::escape(kind)) } td { (units::grouped(*count)) } }
                }
            }
        }
    };
    scrolling("Failures by kind", &table)
}
