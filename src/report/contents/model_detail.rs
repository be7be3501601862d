//! What stands on the page of one model: each way in which it was measured, its days, its week, how its medians lie, its
//! failures, and the blocks of which all of that is made.

use super::facts::{BlockHistory, HistoryBlock};
use super::standing_table::counted_values;
use super::weighted::{CountedValues, rounded};
use super::{CountedCircumstances, MODEL_SCHEMA, ReportContents, ReportedChange, ReportedModel};
use crate::domain::series_block::{SLOTS_OF_DAY, day_of_slot, slot_start};
use crate::domain::series_change::WatchedFigure;
use crate::domain::timestamp;
use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::Serialize;
use std::collections::BTreeMap;

/// A model's data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelDetail<'a> {
    pub schema: &'static str,
    #[serde(serialize_with = "timestamp::instant")]
    pub as_of: DateTime<Utc>,
    #[serde(serialize_with = "timestamp::instant")]
    pub from: DateTime<Utc>,
    pub standing: &'a ReportedModel,
    /// Each combination of runner, profile and connection.
    pub routes: Vec<MeasuredRoute>,
    /// UTC days of the routes in pictures.
    pub days: Vec<MeasuredDay>,
    /// Three hours of the week each.
    pub week: Vec<MeasuredHours>,
    pub spread: DetailSpread,
    pub failures_by_kind: BTreeMap<String, u64>,
    pub changes: Vec<&'a ReportedChange>,
    /// Medians of 3 hours, a column for each figure.
    pub history: Vec<HistoryColumns>,
}

/// One way in which a model was measured, with what it says of the model now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeasuredRoute {
    pub runner: Option<String>,
    pub profile: Option<String>,
    pub connection: Option<String>,
    /// True if it is in the comparison of models.
    pub compared: bool,
    /// True if the pictures of the page show it.
    pub pictured: bool,
    pub ttft: RouteFigure,
    pub tokens_per_second: RouteFigure,
    pub attempts: u64,
    pub failures: u64,
    pub availability: Option<f64>,
    pub response_model: Option<String>,
    pub quantization: Option<String>,
    pub route_endpoint_tag: Option<String>,
    pub observed_provider: Option<String>,
}

/// A figure of a route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct RouteFigure {
    pub median: Option<f64>,
    pub p10: Option<f64>,
    pub p90: Option<f64>,
    pub n: u64,
}

/// A UTC day.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeasuredDay {
    #[serde(serialize_with = "timestamp::instant")]
    pub at: DateTime<Utc>,
    pub ttft: Option<f64>,
    pub tokens_per_second: Option<f64>,
    /// Samples of TTFT.
    pub n: u64,
    pub attempts: u64,
    pub failures: u64,
}

/// Three hours of the week.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeasuredHours {
    /// Days after Monday.
    pub weekday: u8,
    /// The first hour, UTC.
    pub hour: u8,
    pub ttft: f64,
    pub n: u64,
}

/// How the medians of 3 hours lie.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DetailSpread {
    pub ttft: SpreadPercentiles,
    pub tokens_per_second: SpreadPercentiles,
}

/// Percentiles, each median as often as it has samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct SpreadPercentiles {
    pub min: Option<f64>,
    pub p10: Option<f64>,
    pub p25: Option<f64>,
    pub p50: Option<f64>,
    pub p75: Option<f64>,
    pub p90: Option<f64>,
    pub max: Option<f64>,
}

/// The blocks of a route as columns. A slot is a number of 3 hours since 1970.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryColumns {
    /// Place among the routes.
    pub route: usize,
    pub slots: Vec<i64>,
    pub ttft: Vec<Option<f64>>,
    pub ttft_n: Vec<u32>,
    pub tokens_per_second: Vec<Option<f64>>,
    pub tokens_per_second_n: Vec<u32>,
    pub attempts: Vec<u32>,
    pub failures: Vec<u32>,
}

impl<'a> ModelDetail<'a> {
    /// The detail of a model from its series.
    pub fn of(
        contents: &ReportContents,
        standing: &'a ReportedModel,
        series: &[&BlockHistory],
        changes: Vec<&'a ReportedChange>,
        failures_by_kind: BTreeMap<String, u64>,
    ) -> Self {
        let pictured = pictured(series, &contents.circumstances);
        let shown: Vec<&BlockHistory> = pictured.iter().map(|place| series[*place]).collect();
        let route = |(place, one): (usize, &&BlockHistory)| {
            MeasuredRoute::of(one, contents.circumstances.hold(one), pictured.contains(&place))
        };
        Self {
            schema: MODEL_SCHEMA,
            as_of: contents.as_of,
            from: contents.from,
            standing,
            routes: series.iter().enumerate().map(route).collect(),
            days: days(&shown),
            week: week(&shown),
            spread: DetailSpread {
                ttft: SpreadPercentiles::of(&counted_values(&shown, WatchedFigure::Ttft)),
                tokens_per_second: SpreadPercentiles::of(&counted_values(
                    &shown,
                    WatchedFigure::TokensPerSecond,
                )),
            },
            failures_by_kind,
            changes,
            history: series.iter().enumerate().map(|(place, one)| HistoryColumns::of(place, one)).collect(),
        }
    }

    /// The medians of a figure in the pictures, each as often as it has samples: so percentiles count them, too.
    pub fn medians(&self, figure: WatchedFigure) -> Vec<f64> {
        let mut found = Vec::new();
        for one in self.history.iter().filter(|one| self.routes[one.route].pictured) {
            let (values, counts) = match figure {
                WatchedFigure::Ttft => (&one.ttft, &one.ttft_n),
                WatchedFigure::TokensPerSecond => (&one.tokens_per_second, &one.tokens_per_second_n),
            };
            for (value, count) in std::iter::zip(values, counts) {
                found.extend(value.iter().flat_map(|value| std::iter::repeat_n(*value, *count as usize)));
            }
        }
        found
    }
}

/// The places of the series that pictures show: those that are compared, else the one with the most samples.
fn pictured(series: &[&BlockHistory], circumstances: &CountedCircumstances) -> Vec<usize> {
    let samples = |one: &BlockHistory| {
        one.blocks.iter().filter_map(|block| block.ttft).map(|known| u64::from(known.samples)).sum::<u64>()
    };
    let compared: Vec<usize> = (0..series.len())
        .filter(|place| circumstances.hold(series[*place]) && samples(series[*place]) > 0)
        .collect();
    if !compared.is_empty() {
        return compared;
    }
    // Of equally many the first, so that the same rows give the same page.
    let most = (0..series.len()).rev().max_by_key(|place| samples(series[*place]));
    most.into_iter().collect()
}

impl MeasuredRoute {
    fn of(one: &BlockHistory, compared: bool, pictured: bool) -> Self {
        let (attempts, failures) = counts(&one.blocks);
        let answered = attempts.saturating_sub(failures) as f64;
        Self {
            runner: one.series.runner.clone(),
            profile: one.series.profile.clone(),
            connection: one.series.connection.clone(),
            compared,
            pictured,
            ttft: RouteFigure::of(one, WatchedFigure::Ttft),
            tokens_per_second: RouteFigure::of(one, WatchedFigure::TokensPerSecond),
            attempts,
            failures,
            availability: (attempts > 0).then(|| rounded(answered / attempts as f64)),
            response_model: one.newest.response_model.clone(),
            quantization: one.newest.quantization.clone(),
            route_endpoint_tag: one.newest.route_endpoint_tag.clone(),
            observed_provider: one.newest.observed_provider.clone(),
        }
    }
}

impl RouteFigure {
    fn of(one: &BlockHistory, figure: WatchedFigure) -> Self {
        let values = counted_values(&[one], figure);
        let at = |rank: f64| values.percentile(rank).map(rounded);
        Self { median: at(50.0), p10: at(10.0), p90: at(90.0), n: values.count() }
    }
}

impl SpreadPercentiles {
    fn of(values: &CountedValues) -> Self {
        let at = |rank: f64| values.percentile(rank).map(rounded);
        Self {
            min: at(0.0),
            p10: at(10.0),
            p25: at(25.0),
            p50: at(50.0),
            p75: at(75.0),
            p90: at(90.0),
            max: at(100.0),
        }
    }
}

impl HistoryColumns {
    fn of(route: usize, one: &BlockHistory) -> Self {
        let blocks = &one.blocks;
        let column = |figure: WatchedFigure| -> (Vec<Option<f64>>, Vec<u32>) {
            let known = blocks.iter().map(|block| block.figure(figure));
            known.map(|known| (known.map(|one| one.median), known.map_or(0, |one| one.samples))).unzip()
        };
        let (ttft, ttft_n) = column(WatchedFigure::Ttft);
        let (tokens_per_second, tokens_per_second_n) = column(WatchedFigure::TokensPerSecond);
        Self {
            route,
            slots: blocks.iter().map(|block| block.slot).collect(),
            ttft,
            ttft_n,
            tokens_per_second,
            tokens_per_second_n,
            attempts: blocks.iter().map(|block| block.attempts).collect(),
            failures: blocks.iter().map(|block| block.failures).collect(),
        }
    }
}

fn counts(blocks: &[HistoryBlock]) -> (u64, u64) {
    let add = |(attempts, failures): (u64, u64), block: &HistoryBlock| {
        (attempts + u64::from(block.attempts), failures + u64::from(block.failures))
    };
    blocks.iter().fold((0, 0), add)
}

fn days(series: &[&BlockHistory]) -> Vec<MeasuredDay> {
    let mut by_day: BTreeMap<i64, Vec<HistoryBlock>> = BTreeMap::new();
    for block in series.iter().flat_map(|one| &one.blocks) {
        by_day.entry(day_of_slot(block.slot)).or_default().push(*block);
    }
    let day = |(day, blocks): (i64, Vec<HistoryBlock>)| {
        let of = |figure: WatchedFigure| {
            let known = blocks.iter().filter_map(|block| block.figure(figure));
            CountedValues::of(known.map(|one| (one.median, one.samples)))
        };
        let (ttft, (attempts, failures)) = (of(WatchedFigure::Ttft), counts(&blocks));
        MeasuredDay {
            at: slot_start(day * SLOTS_OF_DAY),
            ttft: ttft.percentile(50.0).map(rounded),
            tokens_per_second: of(WatchedFigure::TokensPerSecond).percentile(50.0).map(rounded),
            n: ttft.count(),
            attempts,
            failures,
        }
    };
    by_day.into_iter().map(day).collect()
}

fn week(series: &[&BlockHistory]) -> Vec<MeasuredHours> {
    let mut cells: BTreeMap<(u8, u8), Vec<(f64, u32)>> = BTreeMap::new();
    for block in series.iter().flat_map(|one| &one.blocks) {
        let Some(known) = block.ttft else { continue };
        let at = slot_start(block.slot);
        let (weekday, hour) = (at.weekday().num_days_from_monday(), at.hour());
        let cell = (u8::try_from(weekday).unwrap_or(0), u8::try_from(hour).unwrap_or(0));
        cells.entry(cell).or_default().push((known.median, known.samples));
    }
    let hours = |((weekday, hour), values): ((u8, u8), Vec<(f64, u32)>)| {
        let values = CountedValues::of(values);
        Some(MeasuredHours { weekday, hour, ttft: rounded(values.percentile(50.0)?), n: values.count() })
    };
    cells.into_iter().filter_map(hours).collect()
}
