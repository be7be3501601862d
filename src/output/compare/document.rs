//! The document of a comparison for programs.

use super::{COMPARISON, ComparedFigure, ComparisonReport, ModelFigure, SideReport, StratumReport};
use crate::measure::block_comparison::{BlockComparison, HoursOfDay, MeasuredDifference};
use crate::measure::compare::{ComparedMetric, RunStratum};
use crate::measure::failure_shares::FailureShares;
use crate::measure::metrics::BetterDirection;
use crate::output::json;
use serde_json::{Map, Value, json};

/// The document for programs.
pub fn document(comparison: &ComparisonReport) -> Value {
    let asked = &comparison.asked;
    let (both, rest) = comparison.models_counted();
    let real: Vec<bool> = comparison.figures.iter().filter_map(|judged| judged.real).collect();
    let models = comparison.models.iter().map(|model| {
        let figures = model.figures.iter().zip(&comparison.figures);
        let figures: Vec<Value> = figures.map(|(found, judged)| model_figure(found, judged.figure)).collect();
        json!({ "model": (!model.name.is_empty()).then_some(&model.name), "figures": figures })
    });
    json!({
        "schema": COMPARISON,
        "a": side_document(&comparison.a),
        "b": side_document(&comparison.b),
        "series": asked.series,
        "paired_by_model": comparison.paired,
        "models_in_both": both,
        "models_left_out": rest,
        "confidence": asked.confidence,
        "confidence_each": asked.confidence_each,
        "min_difference": asked.min_difference,
        "decided_difference": asked.decided_difference,
        "method": "Welch's t of the logarithms of block medians",
        "resamples": null,
        "seed": null,
        "real": (!real.is_empty()).then(|| real.contains(&true)),
        "failures": failures_document(comparison),
        "strata": comparison.strata.iter().map(stratum_document).collect::<Vec<_>>(),
        "figures": comparison.figures.iter().map(figure_document).collect::<Vec<_>>(),
        "models": models.collect::<Vec<_>>(),
    })
}

fn side_document(side: &SideReport) -> Value {
    json!({
        "asked": side.text,
        "provider": side.provider,
        "model": side.model,
        "from": side.window.from.map(json::time),
        "to": side.window.to.map(json::time),
        "runs": side.runs,
        "published": side.published,
        "suspect": side.suspect,
        "odd_rows": side.odd,
        "odd_values": side.odd_values,
    })
}

fn failures_document(comparison: &ComparisonReport) -> Value {
    let FailureShares { sides: [a, b], difference } = comparison.failures;
    json!({
        "attempts_a": a.attempts,
        "attempts_b": b.attempts,
        "failures_a": a.failures,
        "failures_b": b.failures,
        "share_a": a.share(),
        "share_b": b.share(),
        "difference_low": difference.map(|interval| interval.low),
        "difference_high": difference.map(|interval| interval.high),
        "differ": difference.map(|_| comparison.failures.more_at_b().is_some()),
    })
}

fn stratum_document(one: &StratumReport) -> Value {
    let RunStratum { runner, profile, connection } = &one.stratum;
    json!({
        "runner": runner,
        "profile": profile,
        "connection": connection,
        "runs_a": one.runs[0],
        "runs_b": one.runs[1],
        "compared": one.compared,
    })
}

fn figure_document(judged: &ComparedFigure) -> Value {
    let mut fields = named(judged.figure);
    fields.extend(found_fields(judged.answer.found));
    let BlockComparison { length, sides: [a, b], models, hours, noise, .. } = &judged.answer;
    let counted = judged.real.is_some();
    let Value::Object(rest) = json!({
        "field": judged.figure.field,
        "unit": judged.figure.unit.as_str(),
        "better": if judged.figure.better == BetterDirection::Lower { "lower" } else { "higher" },
        "n_a": if counted { a.runs } else { 0 },
        "n_b": if counted { b.runs } else { 0 },
        "models": models,
        "block_hours": length.hours(),
        "blocks_a": a.blocks,
        "blocks_b": b.blocks,
        "noise": noise,
        "hours_of_day": match hours {
            HoursOfDay::Same => "same",
            HoursOfDay::Matched => "matched",
            HoursOfDay::Apart => "apart",
        },
        "other_hours_a": a.other_hours,
        "other_hours_b": b.other_hours,
        "hours_to_decide": judged.hours_to_decide,
        "real": judged.real,
    }) else {
        return Value::Object(fields);
    };
    fields.extend(rest);
    Value::Object(fields)
}

/// The names of a figure.
fn named(figure: &ComparedMetric) -> Map<String, Value> {
    [("metric", figure.name), ("key", figure.key)]
        .map(|(key, name)| (key.to_owned(), name.into()))
        .into_iter()
        .collect()
}

/// A difference; every field is null without one.
fn found_fields(found: Option<MeasuredDifference>) -> Map<String, Value> {
    let of = |read: fn(&MeasuredDifference) -> f64| json!(found.as_ref().map(read));
    [
        ("median_a", of(|found| found.median_a)),
        ("median_b", of(|found| found.median_b)),
        ("difference", of(|found| found.difference)),
        ("difference_low", of(|found| found.difference_interval.low)),
        ("difference_high", of(|found| found.difference_interval.high)),
        ("ratio", of(|found| found.ratio)),
        ("ratio_low", of(|found| found.ratio_interval.low)),
        ("ratio_high", of(|found| found.ratio_interval.high)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into_iter()
    .collect()
}

fn model_figure(figure: &ModelFigure, metric: &ComparedMetric) -> Value {
    let found = figure.found;
    let mut fields = named(metric);
    let rest = [
        ("n_a", json!(figure.samples[0])),
        ("n_b", json!(figure.samples[1])),
        ("median_a", json!(found.map(|found| found.median_a))),
        ("median_b", json!(found.map(|found| found.median_b))),
        ("ratio", json!(found.map(|found| found.ratio))),
        ("counts", json!(found.is_some())),
    ];
    fields.extend(rest.map(|(key, value)| (key.to_owned(), value)));
    Value::Object(fields)
}
