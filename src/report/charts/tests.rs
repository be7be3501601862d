//! Pictures of everything that may be measured: ordinary rows, none, one, equal ones, many, and values that are no numbers.

use super::*;
use crate::domain::interval::Interval;
use crate::domain::series_change::EstimatedTime;
use crate::report::markup_check::{ReadElement, elements};
use chrono::{DateTime, TimeDelta, Utc};
use maud::Markup;
use proptest::prelude::*;

fn head(title: &str, unit: Unit) -> ChartHead {
    ChartHead { title: title.to_owned(), description: "What it shows.".to_owned(), unit }
}

fn at(hours: i64) -> DateTime<Utc> {
    "2026-11-23T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(hours)
}

fn around(value: f64, factor: f64) -> Interval {
    Interval { low: value / factor, high: value * factor }
}

fn range_row(label: &str, tier: Option<u32>, median: f64) -> RangeRow {
    RangeRow {
        label: label.to_owned(),
        link: Some(format!("models/{label}.html")),
        tier,
        median: Some(median),
        interval: Some(around(median, 1.1)),
        spread: Some(around(median, 1.9)),
        samples: 120,
    }
}

fn range_bars() -> RangeBars {
    let silent = RangeRow {
        median: None,
        interval: None,
        spread: None,
        samples: 0,
        ..range_row("acme/silent", Some(3), 1.0)
    };
    let long = "a-provider/a-model-whose-name-has-more-characters-than-fit-beside-its-value-1234567890";
    let rows = vec![
        range_row("acme/fast-1", Some(1), 0.214),
        range_row("bolt/quick<&\">", Some(2), 0.402),
        range_row(long, Some(2), 0.431),
        silent,
    ];
    RangeBars { head: head("Time to first token", Unit::Seconds), rows }
}

fn time_series() -> TimeSeries {
    let point = |place: i64| {
        let median = if place < 32 { 0.4 } else { 0.52 } * (1.0 + 0.04 * (place as f64).sin());
        let is_measured = !(12..16).contains(&place);
        SeriesPoint {
            at: at(place * 3),
            median: is_measured.then_some(median),
            interval: is_measured.then(|| around(median, 1.08)),
            failures: u64::from(place % 9 == 0),
        }
    };
    let began = EstimatedTime { at: at(96), earliest: at(87), latest: at(105) };
    TimeSeries {
        head: head("Time to first token", Unit::Seconds),
        points: (0..56).filter(|place| *place != 40).map(point).collect(),
        step: TimeDelta::hours(3),
        levels: vec![
            ChartLevel { from: at(0), to: at(96), value: 0.4 },
            ChartLevel { from: at(96), to: at(168), value: 0.52 },
        ],
        changes: vec![ChangeMark { began, label: "+30 % [24, 37]: nothing else moved".to_owned() }],
    }
}

fn heat_map() -> HeatMap {
    let cell = |place: u8| HeatCell {
        weekday: place / 24,
        hour: place % 24,
        hours: 1,
        value: 0.3 + 0.01 * f64::from(place % 24) + 0.02 * f64::from(place / 24),
        samples: 12,
    };
    HeatMap { head: head("Time to first token by hour", Unit::Seconds), cells: (0..160).map(cell).collect() }
}

fn distribution() -> DistributionChart {
    let samples: Vec<f64> =
        (1..400).map(|n| 0.2 + 0.002 * f64::from(n % 97) + 9.0 / f64::from(n * n)).collect();
    DistributionChart::of_samples(head("Time to first token", Unit::Seconds), &samples)
}

fn scatter_point(label: &str, ttft: f64, rate: f64) -> ScatterPoint {
    ScatterPoint {
        label: label.to_owned(),
        link: None,
        ttft,
        ttft_interval: Some(around(ttft, 1.2)),
        rate,
        rate_interval: Some(around(rate, 1.1)),
    }
}

fn speed_scatter() -> SpeedScatter {
    let points = vec![
        scatter_point("acme/fast-1", 0.21, 240.0),
        scatter_point("bolt/quick", 0.215, 236.0),
        scatter_point("bolt/quick-2", 0.22, 244.0),
        scatter_point("core/large-reasoner", 4.1, 38.0),
    ];
    SpeedScatter { title: "Speed".to_owned(), description: "What it shows.".to_owned(), points }
}

/// Each element on a line of its own: differences of two pictures can be read.
fn lines(markup: &Markup) -> String {
    markup.0.replace("><", ">\n<") + "\n"
}

#[test]
fn ordinary_pictures() {
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../../../tests/snapshots" }, {
        insta::assert_snapshot!("chart_range_bars", lines(&range_bars().render()));
        insta::assert_snapshot!("chart_time_series", lines(&time_series().render()));
        insta::assert_snapshot!("chart_heat_map", lines(&heat_map().render()));
        insta::assert_snapshot!("chart_distribution", lines(&distribution().render()));
        insta::assert_snapshot!("chart_speed_scatter", lines(&speed_scatter().render()));
    });
}

/// The numbers of a path, or of an attribute; what is no number panics.
fn numbers(text: &str) -> Vec<f64> {
    let separate = text.replace(['M', 'L', 'H', 'V', 'Z'], " ");
    separate.split_whitespace().map(|number| number.parse().unwrap_or_else(|_| panic!("{text:?}"))).collect()
}

/// Well formed, named, and with nothing outside of its sheet.
fn check(markup: &Markup) -> Vec<ReadElement> {
    let found = elements(&markup.0);
    let sheet = numbers(&found[0].attributes["viewBox"]);
    assert_eq!((sheet[0], sheet[1], sheet[2]), (0.0, 0.0, 360.0));
    assert!(!found[0].attributes["role"].is_empty());
    assert_eq!(found[1].name, "title");
    let links = found.iter().any(|element| element.name == "a");
    assert_eq!(found[0].attributes["role"] == "img", !links, "links inside an image cannot be reached");
    let within = |value: f64, limit: f64| {
        assert!(value.is_finite() && (0.0..=limit).contains(&value), "{value} of {limit}")
    };
    for element in &found {
        let number = |name: &str| element.attributes.get(name).map(|text| numbers(text)[0]);
        for (place, length, limit) in [("x", "width", sheet[2]), ("y", "height", sheet[3])] {
            if let Some(from) = number(place) {
                within(from, limit);
                within(from + number(length).unwrap_or(0.0), limit + 0.11);
            }
        }
        for (name, limit) in [("cx", sheet[2]), ("cy", sheet[3])] {
            number(name).into_iter().for_each(|value| within(value, limit));
        }
        check_path(element.attributes.get("d").map_or("", String::as_str), sheet[2], sheet[3]);
    }
    found
}

fn check_path(data: &str, width: f64, height: f64) {
    let inside = |value: f64, limit: f64| assert!((0.0..=limit).contains(&value), "{data}");
    let mut rest = data;
    while let Some(command) = rest.chars().next() {
        let behind = &rest[1..];
        let end = behind.find(|ch: char| ch.is_ascii_uppercase()).unwrap_or(behind.len());
        let values = numbers(&behind[..end]);
        match (command, values.as_slice()) {
            ('M' | 'L', [x, y]) => {
                inside(*x, width);
                inside(*y, height);
            }
            ('H', [x]) => inside(*x, width),
            ('V', [y]) => inside(*y, height),
            ('Z', []) => {}
            other => panic!("{other:?} in {data}"),
        }
        rest = &behind[end..];
    }
}

#[test]
fn nothing_measured_is_said() {
    let unit = Unit::Seconds;
    let time = TimeSeries {
        head: head("A", unit),
        points: Vec::new(),
        step: TimeDelta::hours(3),
        levels: Vec::new(),
        changes: Vec::new(),
    };
    let pictures = [
        RangeBars { head: head("A", unit), rows: Vec::new() }.render(),
        RangeBars {
            head: head("A", unit),
            rows: vec![RangeRow {
                median: Some(f64::NAN),
                interval: None,
                spread: None,
                ..range_row("a", None, 1.0)
            }],
        }
        .render(),
        time.render(),
        HeatMap { head: head("A", unit), cells: Vec::new() }.render(),
        DistributionChart::of_samples(head("A", unit), &[f64::NAN, f64::INFINITY]).render(),
        SpeedScatter { points: vec![scatter_point("a", 0.0, 10.0)], ..speed_scatter() }.render(),
    ];
    for picture in pictures {
        check(&picture);
        assert!(picture.0.contains("Nothing was measured."), "{}", picture.0);
    }
}

#[test]
fn one_point_is_a_point() {
    let one = TimeSeries {
        points: time_series().points[..1].to_vec(),
        levels: Vec::new(),
        changes: Vec::new(),
        ..time_series()
    };
    let found = check(&one.render());
    assert!(found.iter().any(|element| element.name == "circle"));
    let equal = DistributionChart::of_samples(head("A", Unit::Seconds), &[0.3; 40]);
    assert_eq!(equal.bins.iter().filter(|bin| bin.samples == 40).count(), 1);
    check(&equal.render());
}

#[test]
fn gaps_are_not_bridged() {
    let found = check(&time_series().render());
    let lines =
        found.iter().filter(|element| element.attributes.get("class").is_some_and(|class| class == "line"));
    // Four blocks without a success and one that is missing leave three parts.
    assert_eq!(lines.count(), 3);
}

#[test]
fn a_tier_of_several_rows_is_too_close_to_call() {
    let found = check(&range_bars().render());
    let texts: Vec<&str> = found.iter().map(|element| element.text.as_str()).collect();
    let tiers: Vec<&str> = texts.into_iter().filter(|text| text.starts_with("tier")).collect();
    assert_eq!(tiers, ["tier 2: too close to call"]);
}

#[test]
fn names_beside_points_never_overlap() {
    let points: Vec<ScatterPoint> = (0..60)
        .map(|n| {
            scatter_point(&format!("provider/model-{n}"), 0.2 + 0.01 * f64::from(n % 8), 100.0 + f64::from(n))
        })
        .collect();
    let found = check(&SpeedScatter { points, ..speed_scatter() }.render());
    let boxes: Vec<(f64, f64, f64)> = found
        .iter()
        .filter(|element| element.name == "text" && element.text.starts_with("provider/"))
        .map(|element| {
            let number = |name: &str| numbers(&element.attributes[name])[0];
            let width = element.text.chars().count() as f64 * 6.5;
            let left = match element.attributes["text-anchor"].as_str() {
                "start" => number("x"),
                "end" => number("x") - width,
                _ => number("x") - width / 2.0,
            };
            (left, left + width, number("y"))
        })
        .collect();
    assert!(boxes.len() > 3);
    for (place, a) in boxes.iter().enumerate() {
        for b in &boxes[place + 1..] {
            assert!(a.1 <= b.0 + 0.2 || b.1 <= a.0 + 0.2 || (a.2 - b.2).abs() >= 10.8, "{a:?} {b:?}");
        }
    }
}

#[test]
fn every_class_has_a_style() {
    let pictures = [
        range_bars().render(),
        time_series().render(),
        heat_map().render(),
        distribution().render(),
        speed_scatter().render(),
    ];
    for class in pictures
        .iter()
        .flat_map(|picture| elements(&picture.0))
        .filter_map(|element| element.attributes.get("class").cloned())
    {
        for class in class.split(' ') {
            let rest = chart_style().split(&format!(".{class}")).nth(1);
            assert!(rest.is_some_and(|rest| rest.starts_with(['{', ' ', '.'])), "{class}");
        }
    }
}

#[test]
fn five_hundred_rows_are_small_enough_for_one_page() {
    let rows = (0..500).map(|n| {
        range_row(&format!("provider-{}/model-number-{n}", n % 20), Some(n / 9), 0.2 + 0.01 * f64::from(n))
    });
    let picture = RangeBars { rows: rows.collect(), ..range_bars() }.render();
    check(&picture);
    assert!(picture.0.len() < 300_000, "{}", picture.0.len());
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![prop::num::f64::ANY, 1e-6..1e6_f64, Just(0.0), Just(f64::NAN), Just(f64::INFINITY), Just(0.4)]
}

fn any_interval() -> impl Strategy<Value = Option<Interval>> {
    prop::option::of((any_number(), any_number()).prop_map(|(low, high)| Interval { low, high }))
}

prop_compose! {
    fn any_row()(label in ".{0,90}", link in prop::option::of("[a-z/<&\"]{0,9}"), tier in prop::option::of(0..3_u32),
        median in prop::option::of(any_number()), interval in any_interval(), spread in any_interval(), samples: u64) -> RangeRow {
        RangeRow { label, link, tier, median, interval, spread, samples }
    }
}

prop_compose! {
    fn any_point()(hours in -9_000_000_i64..9_000_000, median in prop::option::of(any_number()), interval in any_interval(), failures in 0..3_u64) -> SeriesPoint {
        SeriesPoint { at: at(hours), median, interval, failures }
    }
}

prop_compose! {
    fn any_scatter_point()(label in ".{0,90}", link in prop::option::of("[a-z/]{0,9}"), ttft in any_number(), ttft_interval in any_interval(),
        rate in any_number(), rate_interval in any_interval()) -> ScatterPoint {
        ScatterPoint { label, link, ttft, ttft_interval, rate, rate_interval }
    }
}

fn any_unit() -> impl Strategy<Value = Unit> {
    prop_oneof![Just(Unit::Seconds), Just(Unit::Rate), Just(Unit::Count)]
}

proptest! {
    #[test]
    fn any_range_bars_are_a_picture(rows in prop::collection::vec(any_row(), 0..12), unit in any_unit(), title in ".{0,20}") {
        check(&RangeBars { head: head(&title, unit), rows }.render());
    }

    #[test]
    fn any_series_is_a_picture(points in prop::collection::vec(any_point(), 0..30), unit in any_unit(), hours in 0..800_i64,
        value in any_number(), moments in prop::array::uniform3(-9_000_000_i64..9_000_000)) {
        let [a, b, c] = moments.map(at);
        let levels = vec![ChartLevel { from: a, to: b, value }];
        let changes = vec![ChangeMark { began: EstimatedTime { at: a, earliest: b, latest: c }, label: "<&\"\u{1}".to_owned() }];
        check(&TimeSeries { head: head("A", unit), points, step: TimeDelta::hours(hours), levels, changes }.render());
    }

    #[test]
    fn any_heat_map_is_a_picture(cells in prop::collection::vec((0..9_u8, 0..30_u8, any_number(), any::<u64>()), 0..40), unit in any_unit()) {
        let cells = cells.into_iter().map(|(weekday, hour, value, samples)| HeatCell { weekday, hour, hours: 1 + hour % 4, value, samples }).collect();
        check(&HeatMap { head: head("A", unit), cells }.render());
    }

    #[test]
    fn any_distribution_is_a_picture(samples in prop::collection::vec(any_number(), 0..60), unit in any_unit(), low in any_number(), high in any_number(), count: u64) {
        let counted = DistributionChart::of_samples(head("A", unit), &samples);
        let finite = samples.iter().filter(|sample| sample.is_finite()).count() as u64;
        prop_assert_eq!(counted.bins.iter().map(|bin| bin.samples).sum::<u64>(), finite);
        check(&counted.render());
        for is_logarithmic in [false, true] {
            let bins = vec![DistributionBin { low, high, samples: count }];
            check(&DistributionChart { bins, is_logarithmic, median: Some(low), head: head("A", unit) }.render());
        }
    }

    #[test]
    fn any_scatter_is_a_picture(points in prop::collection::vec(any_scatter_point(), 0..25)) {
        check(&SpeedScatter { title: "A".to_owned(), description: String::new(), points }.render());
    }
}
