//! A line for each model of a ranking, and the document and the sheet made of them.

use super::{RANKING, RankReport, RankedModel, runner_words};
use crate::domain::publication::RankingPlace;
use crate::measure::block_comparison::BlockLength;
use crate::measure::metrics::BetterDirection;
use crate::measure::ranking::standings::{BLOCKS_FOR_PLACE, MissingForPlace, ModelStanding};
use crate::measure::ranking::{CONFIDENCE, confidence_of_pair};
use crate::measure::student_t::TQuantiles;
use crate::output::{csv as cells, json as documents};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use std::io;

/// A model of the ranking. The field names are those of JSON and CSV.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RankRow {
    /// The first and the last place of its tier; `None` without a place.
    pub place_from: Option<usize>,
    pub place_to: Option<usize>,
    /// Either `settled` or `open`.
    pub order: Option<&'static str>,
    pub provider: String,
    pub model: String,
    /// A router's endpoint.
    pub endpoint: Option<String>,
    pub median: Option<f64>,
    pub median_low: Option<f64>,
    pub median_high: Option<f64>,
    /// Samples in the figure; all samples of a model without a place.
    pub n: usize,
    pub blocks: Option<usize>,
    #[serde(serialize_with = "documents::maybe_instant")]
    pub first_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "documents::maybe_instant")]
    pub newest_at: Option<DateTime<Utc>>,
    pub span_seconds: Option<f64>,
    pub age_seconds: Option<f64>,
    pub attempts: u64,
    pub failures: u64,
    pub availability: Option<f64>,
    pub dashboard_place: Option<&'static str>,
    pub dashboard_endpoint_tag: Option<String>,
    pub dashboard_quantization: Option<String>,
    pub dashboard_missing: Vec<String>,
    /// What a model without a place lacks.
    pub missing: Option<String>,
    /// Provider and model in one, for people.
    #[serde(skip)]
    pub name: String,
}

/// The models with places, by place, then those without, those with the most samples first.
pub fn rows(report: &RankReport) -> Vec<RankRow> {
    let mut quantiles = TQuantiles::two_sided(CONFIDENCE);
    let mut rows = Vec::with_capacity(report.models.len());
    for tier in &report.ranking.tiers {
        let from = rows.len() + 1;
        for index in tier {
            let mut row = row(report, *index, &mut quantiles);
            (row.place_from, row.place_to) = (Some(from), Some(from + tier.len() - 1));
            row.order = Some(if tier.len() == 1 { "settled" } else { "open" });
            rows.push(row);
        }
    }
    let unplaced = (0..report.models.len()).filter(|index| report.ranking.models[*index].level.is_err());
    let mut unplaced: Vec<RankRow> = unplaced.map(|index| row(report, index, &mut quantiles)).collect();
    unplaced.sort_by(|one, other| other.n.cmp(&one.n).then_with(|| one.name.cmp(&other.name)));
    rows.extend(unplaced);
    rows
}

fn row(report: &RankReport, index: usize, quantiles: &mut TQuantiles) -> RankRow {
    let RankedModel { model, lane } = &report.models[index];
    let standing: &ModelStanding = &report.ranking.models[index];
    let whole = model.unpinned();
    let level = standing.level.as_ref().ok();
    let interval = level.map(|level| level.interval(quantiles));
    let at = |milliseconds: i64| DateTime::from_timestamp_millis(milliseconds);
    let (first, newest) =
        (standing.times.and_then(|times| at(times.0)), standing.times.and_then(|times| at(times.1)));
    let seconds = |from: DateTime<Utc>, to: DateTime<Utc>| (to - from).as_seconds_f64();
    RankRow {
        provider: whole.provider,
        model: whole.model_id,
        endpoint: model.endpoint_tag().map(str::to_owned),
        median: level.map(|level| level.median()),
        median_low: interval.map(|interval| interval.low),
        median_high: interval.map(|interval| interval.high),
        n: level.map_or(standing.samples, |level| level.runs),
        blocks: level.map(|level| level.blocks),
        first_at: first,
        newest_at: newest,
        span_seconds: first.zip(newest).map(|(first, newest)| seconds(first, newest)),
        age_seconds: newest.map(|newest| seconds(newest, report.as_of)),
        attempts: standing.attempts.attempts,
        failures: standing.attempts.failures,
        availability: standing.attempts.share().map(|failed| 1.0 - failed),
        dashboard_place: lane.place().map(RankingPlace::as_str),
        dashboard_endpoint_tag: lane.endpoint_tag.clone(),
        dashboard_quantization: lane.quantization.clone(),
        dashboard_missing: lane.missing(),
        missing: standing.level.as_ref().err().map(|missing| words(missing, standing, report)),
        name: model.to_string(),
        ..RankRow::default()
    }
}

/// What a model lacks, in words.
fn words(missing: &MissingForPlace, standing: &ModelStanding, report: &RankReport) -> String {
    match missing {
        MissingForPlace::OtherCircumstances => "runs under these circumstances".to_owned(),
        MissingForPlace::Answers => {
            format!("an answer: all attempts failed ({})", standing.attempts.attempts)
        }
        MissingForPlace::Figure => "runs with this figure that are not suspect".to_owned(),
        MissingForPlace::Runner(runner) => format!("runs of {}", runner_words(runner)),
        MissingForPlace::Blocks { has } => {
            let blocks = match report.ranking.length {
                BlockLength::Day => "days",
                BlockLength::ThreeHours => "blocks of 3 hours",
            };
            let of_all = if report.ranking.circumstances.runners.len() > 1 { " of every runner" } else { "" };
            format!("{has} of {BLOCKS_FOR_PLACE} {blocks}{of_all}")
        }
        MissingForPlace::Hours { from, to } => format!("runs from {from:02}:00 to {to:02}:00 UTC"),
    }
}

/// The document for programs.
pub fn document(report: &RankReport) -> Value {
    let circumstances = &report.ranking.circumstances;
    let ranked = report.ranking.tiers.iter().map(Vec::len).sum::<usize>();
    let others = report.others.iter().map(|other| {
        json!({
            "profile": other.stratum.profile,
            "connection": other.stratum.connection,
            "runner": other.stratum.runner,
            "models": other.models,
        })
    });
    json!({
        "schema": RANKING,
        "as_of": documents::time(report.as_of),
        "from": report.window.from.map(documents::time),
        "to": report.window.to.map(documents::time),
        "series": report.series,
        "metric": report.figure.name,
        "key": report.figure.key,
        "field": report.figure.field,
        "unit": report.figure.unit.as_str(),
        "better": if report.figure.better == BetterDirection::Lower { "lower" } else { "higher" },
        "profile": circumstances.profile,
        "connection": circumstances.connection,
        "runners": circumstances.runners,
        "block_hours": report.ranking.length.hours(),
        "blocks_needed": BLOCKS_FOR_PLACE,
        "confidence": CONFIDENCE,
        "confidence_of_pair": confidence_of_pair(ranked),
        "tiers": report.ranking.tiers.len(),
        "ranked": ranked,
        "models": rows(report),
        "other_circumstances": others.collect::<Vec<_>>(),
    })
}

/// The models as CSV with a header.
///
/// # Errors
/// Passed on from the writer, which writes to memory.
pub fn sheet(report: &RankReport) -> io::Result<String> {
    cells::sheet(&rows(report))
}
