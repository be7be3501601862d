//! The headline table: models in tiers by TTFT and by tokens per second, as `results rank` settles them, from blocks of 3
//! hours. A median of 3 hours stands for each of its samples.

use super::facts::{BlockHistory, ReportFacts};
use super::paths::model_path;
use super::weighted::{CountedValues, rounded};
use super::{ReportedFigure, ReportedModel};
use crate::domain::publication::{LaneCoverage, LaneRanking};
use crate::domain::series_block::{slot_end, slot_start};
use crate::domain::series_change::WatchedFigure;
use crate::domain::{ModelRef, Window};
use crate::measure::compare::{ComparedMetric, FIGURES, RunStratum};
use crate::measure::failure_shares::AttemptCount;
use crate::measure::ranking::circumstances::{RankingCircumstances, WantedCircumstances};
use crate::measure::ranking::standings::{ModelAttempts, Ranking};
use crate::output::rank::{RankReport, RankRow, RankedModel, rows};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashMap};

type SeriesOfModels<'a> = BTreeMap<&'a ModelRef, Vec<&'a BlockHistory>>;

/// The models, the circumstances under which they are compared, and the hours of the blocks of their levels.
pub fn models(
    facts: &ReportFacts,
    by_model: &SeriesOfModels<'_>,
) -> (Vec<ReportedModel>, RankingCircumstances, u32) {
    let ttft = ranked(facts, by_model, WatchedFigure::Ttft, &facts.wanted);
    let circumstances = ttft.ranking.circumstances.clone();
    let same = WantedCircumstances {
        profile: circumstances.profile.clone(),
        connection: circumstances.connection.clone(),
        runners: circumstances.runners.iter().cloned().collect(),
    };
    let rates = ranked(facts, by_model, WatchedFigure::TokensPerSecond, &same);
    let rates: HashMap<ModelRef, (RankRow, Option<usize>)> =
        in_tiers(&rates).map(|(row, tier)| (name_of(&row), (row, tier))).collect();
    let models = in_tiers(&ttft).filter_map(|(row, tier)| {
        let name = name_of(&row);
        let counted = counted(by_model.get(&name)?, &circumstances);
        let (rate_row, rate_tier) = rates.get(&name)?;
        Some(ReportedModel {
            path: model_path(&name),
            ttft: figure(&row, tier, &counted, WatchedFigure::Ttft),
            tokens_per_second: figure(rate_row, *rate_tier, &counted, WatchedFigure::TokensPerSecond),
            attempts: row.attempts,
            failures: row.failures,
            availability: row.availability.map(rounded),
            newest_before: newest(&counted),
            provider: row.provider,
            model: row.model,
            endpoint: row.endpoint,
            name,
        })
    });
    let models = models.collect();
    (models, circumstances, ttft.ranking.length.hours())
}

/// The model of a row.
fn name_of(row: &RankRow) -> ModelRef {
    let model = ModelRef::new(&row.provider, &row.model);
    row.endpoint.as_ref().map_or_else(|| model.clone(), |tag| model.pinned(tag))
}

/// The ranking by one figure.
fn ranked(
    facts: &ReportFacts,
    by_model: &SeriesOfModels<'_>,
    figure: WatchedFigure,
    wanted: &WantedCircumstances,
) -> RankReport {
    let metric = metric(figure);
    let attempts: Vec<ModelAttempts> = by_model.values().map(|series| attempts(series, figure)).collect();
    let no_lane = |model: &ModelRef| LaneRanking {
        model: model.clone(),
        endpoint_tag: None,
        quantization: None,
        coverage: LaneCoverage::of([], facts.as_of),
    };
    let model = |model: &&ModelRef| RankedModel { model: (*model).clone(), lane: no_lane(model) };
    RankReport {
        as_of: facts.as_of,
        window: Window { from: Some(facts.from), to: Some(facts.as_of) },
        series: "all",
        figure: metric,
        ranking: Ranking::of(&attempts, wanted, metric.better),
        models: by_model.keys().map(model).collect(),
        others: Vec::new(),
    }
}

/// The definition of a watched figure.
pub fn metric(figure: WatchedFigure) -> &'static ComparedMetric {
    let key = figure.as_str();
    FIGURES.iter().find(|metric| metric.key == key).unwrap_or(&FIGURES[0])
}

/// The attempts of a model as rankings count them.
fn attempts(series: &[&BlockHistory], figure: WatchedFigure) -> ModelAttempts {
    let mut found = ModelAttempts::default();
    for one in series {
        let of = &one.series;
        let source = found.attempts.entry((of.runner.clone(), of.profile.clone())).or_default();
        for block in &one.blocks {
            source.add(AttemptCount { attempts: block.attempts.into(), failures: block.failures.into() });
        }
        // Where all attempts failed there is no run.
        if one.blocks.iter().all(|block| block.attempts <= block.failures) {
            continue;
        }
        let stratum = RunStratum {
            runner: of.runner.clone(),
            profile: of.profile.clone(),
            connection: of.connection.clone(),
        };
        let runs = found.series.entry(stratum).or_default();
        // Millions of samples at once: room for these, and not for twice as many.
        let samples = one.blocks.iter().filter_map(|block| block.figure(figure));
        runs.samples.reserve_exact(samples.map(|known| known.samples as usize).sum());
        for block in &one.blocks {
            let Some(known) = block.figure(figure) else { continue };
            let at = slot_start(block.slot).timestamp_millis();
            (0..known.samples).for_each(|_| runs.add(at, Some(known.median)));
        }
    }
    found
}

/// The series of a model that are compared.
fn counted<'a>(series: &[&'a BlockHistory], circumstances: &RankingCircumstances) -> Vec<&'a BlockHistory> {
    let holds = |one: &&&BlockHistory| {
        let of = &one.series;
        let stratum = RunStratum {
            runner: of.runner.clone(),
            profile: of.profile.clone(),
            connection: of.connection.clone(),
        };
        circumstances.holds(&stratum)
    };
    series.iter().filter(holds).copied().collect()
}

/// The rows of a ranking, each with its tier, counted from 1.
fn in_tiers(report: &RankReport) -> impl Iterator<Item = (RankRow, Option<usize>)> {
    let (mut tier, mut last) = (0, None);
    rows(report).into_iter().map(move |row| {
        if row.place_from.is_some() && row.place_from != last {
            (tier, last) = (tier + 1, row.place_from);
        }
        let of_row = row.place_from.map(|_| tier);
        (row, of_row)
    })
}

fn figure(
    row: &RankRow,
    tier: Option<usize>,
    counted: &[&BlockHistory],
    figure: WatchedFigure,
) -> ReportedFigure {
    let values = counted_values(counted, figure);
    let at = |rank: f64| values.percentile(rank).map(rounded);
    ReportedFigure {
        tier,
        place_from: row.place_from,
        place_to: row.place_to,
        median: row.median.map(rounded).or_else(|| at(50.0)),
        median_low: row.median_low.map(rounded),
        median_high: row.median_high.map(rounded),
        p10: at(10.0),
        p90: at(90.0),
        n: row.n as u64,
        missing: row.missing.clone(),
    }
}

/// The medians of a figure in these series, each as often as it has samples.
pub fn counted_values(series: &[&BlockHistory], figure: WatchedFigure) -> CountedValues {
    let blocks = series.iter().flat_map(|one| &one.blocks);
    CountedValues::of(blocks.filter_map(|block| block.figure(figure)).map(|one| (one.median, one.samples)))
}

/// The end of the last block with a sample of any figure.
fn newest(series: &[&BlockHistory]) -> Option<DateTime<Utc>> {
    let blocks = series.iter().flat_map(|one| &one.blocks);
    let sampled = blocks.filter(|block| block.ttft.is_some() || block.tokens_per_second.is_some());
    sampled.map(|block| block.slot).max().map(slot_end)
}
