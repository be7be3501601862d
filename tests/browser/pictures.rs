//! A page with a picture of each kind, of figures as models have them.

use chrono::{DateTime, TimeDelta, Utc};
use llmbench::domain::interval::Interval;
use llmbench::domain::series_change::EstimatedTime;
use llmbench::measure::metrics::Unit;
use llmbench::report::charts::{
    ChangeMark, ChartHead, ChartLevel, DistributionChart, HeatCell, HeatMap, RangeBars, RangeRow,
    ScatterPoint, SeriesPoint, SpeedScatter, TimeSeries, chart_style,
};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = "
    :root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24 }
    @media screen and (prefers-color-scheme: dark) { :root { --paper: #12161c; --ink: #e6e9ee } }
    body { margin: 0; padding: 1rem; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
    main { display: grid; gap: 1.5rem 2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)) }
    figure { margin: 0 } h1 { grid-column: 1 / -1; margin: 0 }";

const NAMES: [&str; 12] = [
    "acme/fast-1",
    "bolt/quick-large",
    "core/reasoner-2026-11",
    "acme/fast-1-mini",
    "delta-labs/a-model-whose-name-is-as-long-as-names-of-models-have-become-by-now-80",
    "bolt/quick-small",
    "éclair/modèle-7b",
    "fuji/日本語モデル-8b",
    "gamma/<b>bold</b>&amp;",
    "core/reasoner-mini",
    "hill/steady",
    "acme/fast-2-preview",
];

/// The page.
pub fn page() -> String {
    let pictures = [
        ("Time to first token", range_bars(Unit::Seconds)),
        ("Tokens per second", range_bars(Unit::Rate)),
        ("Speed", scatter()),
        ("Medians of 3 hours", time_series()),
        ("Hours of the week", heat_map()),
        ("All samples", distribution(0.0)),
        ("Samples with a long tail", distribution(60.0)),
        ("Nothing", RangeBars { head: head("Nothing", Unit::Seconds), rows: Vec::new() }.render()),
    ];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "All charts" }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) (PreEscaped(chart_style())) }
            }
            body {
                main {
                    h1 { "All charts" }
                    @for (caption, picture) in pictures { figure { figcaption { (caption) } (picture) } }
                }
            }
        }
    };
    page.into_string()
}

fn head(title: &str, unit: Unit) -> ChartHead {
    ChartHead { title: title.to_owned(), description: format!("{title} of several models."), unit }
}

fn at(hours: i64) -> DateTime<Utc> {
    "2026-11-02T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(hours)
}

fn around(value: f64, factor: f64) -> Option<Interval> {
    Some(Interval { low: value / factor, high: value * factor })
}

fn range_bars(unit: Unit) -> Markup {
    let row = |(place, name): (usize, &&str)| {
        let value = 0.18 * 1.28_f64.powi(place as i32);
        let median = if unit == Unit::Rate { 60.0 / value } else { value };
        RangeRow {
            label: (*name).to_owned(),
            link: Some(format!("#{place}")),
            tier: Some([1, 2, 2, 2, 3, 3, 4, 4, 4, 4, 5, 5][place]),
            median: Some(median),
            interval: around(median, 1.08),
            spread: around(median, 1.5 + 0.1 * place as f64),
            samples: 240,
        }
    };
    RangeBars { head: head("Range", unit), rows: NAMES.iter().enumerate().map(row).collect() }.render()
}

fn scatter() -> Markup {
    let point = |(place, name): (usize, &&str)| {
        let (ttft, rate) = (0.18 * 1.28_f64.powi(place as i32), 40.0 + 37.0 * ((place * 7) % 11) as f64);
        ScatterPoint {
            label: (*name).to_owned(),
            link: Some(format!("#{place}")),
            ttft,
            ttft_interval: around(ttft, 1.1),
            rate,
            rate_interval: around(rate, 1.07),
        }
    };
    let points = NAMES.iter().enumerate().map(point).collect();
    SpeedScatter { title: "Speed".to_owned(), description: "TTFT against tokens/s.".to_owned(), points }
        .render()
}

/// Four weeks with a change, a gap, and failures.
fn time_series() -> Markup {
    let point = |block: i64| {
        let wave = 1.0 + 0.09 * (block as f64 * 0.78).sin() + 0.05 * (block as f64 * 2.3).cos();
        let median = wave * if block < 150 { 0.41 } else { 0.53 };
        SeriesPoint {
            at: at(block * 3),
            median: (block % 41 != 7).then_some(median),
            interval: around(median, 1.06 + 0.05 * (block as f64 * 1.7).sin().abs()),
            failures: u64::from(block % 23 == 0 || (90..96).contains(&block)),
        }
    };
    let change = EstimatedTime { at: at(450), earliest: at(432), latest: at(462) };
    TimeSeries {
        head: head("Time to first token", Unit::Seconds),
        points: (0..224).filter(|block| !(60..70).contains(block)).map(point).collect(),
        step: TimeDelta::hours(3),
        levels: vec![
            ChartLevel { from: at(0), to: at(450), value: 0.41 },
            ChartLevel { from: at(450), to: at(672), value: 0.53 },
        ],
        changes: vec![ChangeMark { began: change, label: "+29 % [25, 33]".to_owned() }],
    }
    .render()
}

fn heat_map() -> Markup {
    let cell = |place: u8| {
        let (weekday, hour) = (place / 24, place % 24);
        let busy = (f64::from(hour) - 15.0).abs() < 5.0 && weekday < 5;
        let value = 0.32 + 0.01 * f64::from(place % 7) + if busy { 0.2 } else { 0.0 };
        HeatCell { weekday, hour, hours: 1, value, samples: 24 }
    };
    let cells = (0..168).filter(|place| place % 31 != 30).map(cell).collect();
    HeatMap { head: head("Time to first token by hour", Unit::Seconds), cells }.render()
}

fn distribution(tail: f64) -> Markup {
    let sample = |n: u32| {
        0.3 + 0.001 * f64::from(n * 37 % 100) + 0.001 * f64::from(n * 61 % 83) + tail / f64::from(n * n)
    };
    let samples: Vec<f64> = (1..600).map(sample).collect();
    DistributionChart::of_samples(head("Time to first token", Unit::Seconds), &samples).render()
}
