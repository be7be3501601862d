//! Formats a report for programs: one document, described by `docs/schema/run.schema.json`. Durations are seconds,
//! times are RFC 3339 in UTC, unknown values are null and never missing. Keys are only ever added under one schema
//! name.

use super::{dialects, gates, pairs};
pub use crate::domain::timestamp::{instant, maybe_instant, time};
use crate::measure::gate::GateResult;
use crate::measure::metrics::{METRICS, Metric, MetricSection};
use crate::measure::report::{FailureGroup, MetricSamples, ModelReport, Report};
use crate::measure::stats::{SummaryStats, median_interval};
use serde_json::{Map, Value, json};

pub const SCHEMA: &str = "llmbench.run/1";

/// The document, indented, ending in a line break.
pub fn text(report: &Report, checked: &[GateResult]) -> String {
    format!("{:#}\n", document(report, checked))
}

pub fn document(report: &Report, checked: &[GateResult]) -> Value {
    let mut models: Vec<Value> = report.models.iter().map(model).collect();
    dialects::add(report.dialect.as_ref(), &mut models);
    json!({
        "schema": SCHEMA,
        "started_at": time(report.started_at),
        "ended_at": time(report.ended_at),
        "duration": (report.ended_at - report.started_at).as_seconds_f64(),
        "settings": report.asked,
        "load": report.load,
        "failed": report.failed(),
        "dialect": report.dialect.as_ref().map(dialects::document),
        "models": models,
        "gates": checked.iter().map(gates::document).collect::<Vec<_>>(),
    })
}

fn model(report: &ModelReport) -> Value {
    let figures = METRICS.iter().zip(&report.figures);
    let metrics: Map<String, Value> =
        figures.map(|(definition, figure)| (definition.key.to_owned(), metric(definition, figure))).collect();
    let failures: Map<String, Value> =
        report.failures.iter().map(|(kind, group)| (kind.to_string(), failure(group))).collect();
    let timing: Map<String, Value> = report
        .provider_timing
        .iter()
        .map(|(name, figure)| (name.clone(), Value::Object(summary(Some(figure)))))
        .collect();
    json!({
        "provider": report.model.provider,
        "model": report.model.model_id,
        "successes": report.successes,
        "suspects": report.suspects,
        "figures_are_suspect": report.figures_are_suspect,
        "failed": report.failed(),
        "error_rate": report.error_rate(),
        "failures": failures,
        "metrics": metrics,
        "provider_timing": timing,
        "cached_input": report.cached_input,
        "labels": report.labels,
        "pairs": report.pairs.as_ref().map(pairs::document),
    })
}

fn failure(group: &FailureGroup) -> Value {
    json!({ "count": group.count, "sample": group.typical(), "different": group.samples.len() })
}

fn metric(metric: &Metric, figure: &MetricSamples) -> Value {
    let mut fields = summary(figure.summary.as_ref());
    fields.insert("unit".to_owned(), metric.unit.as_str().into());
    let main = metric.section == MetricSection::Figures;
    let interval = main.then(|| median_interval(&figure.sorted, 0.95)).flatten();
    fields.insert("p50_interval_95".to_owned(), json!(interval));
    Value::Object(fields)
}

/// Every field, null without samples; `n` is 0 then.
pub(super) fn summary(summary: Option<&SummaryStats>) -> Map<String, Value> {
    let of = |read: fn(&SummaryStats) -> f64| json!(summary.map(read));
    let fields = [
        ("n", json!(summary.map_or(0, |summary| summary.n))),
        ("mean", of(|s| s.mean)),
        ("min", of(|s| s.min)),
        ("p50", of(|s| s.p50)),
        ("p90", of(|s| s.p90)),
        ("p95", of(|s| s.p95)),
        ("p99", of(|s| s.p99)),
        ("max", of(|s| s.max)),
        ("stddev", of(|s| s.stddev)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::gate::check_all;
    use crate::measure::gate::history::GateHistory;
    use crate::measure::testing;
    use crate::output::schema_check::violations;

    fn sample() -> Value {
        let gates = ["ttft_p95>2s", "error_rate>5%", "ttfrt_p50>1s"].map(|text| text.parse().unwrap());
        let report = testing::report();
        document(&report, &check_all(&gates, &report, &GateHistory::default()))
    }

    fn schema() -> Value {
        serde_json::from_str(include_str!("../../docs/schema/run.schema.json")).unwrap()
    }

    #[test]
    fn a_document_is_what_the_schema_says() {
        assert_eq!(violations(&schema(), &sample()), Vec::<String>::new());
    }

    #[test]
    fn the_schema_names_every_metric_and_notices_what_is_wrong() {
        let named = &schema()["$defs"]["model"]["properties"]["metrics"]["required"];
        let keys: Vec<&str> = METRICS.iter().map(|metric| metric.key).collect();
        assert_eq!(named, &json!(keys));
        let mut broken = sample();
        broken["models"][0]["metrics"]["ttft"]["p50"] = json!("fast");
        broken["models"][1].as_object_mut().unwrap().remove("failures");
        broken["gates"][0]["verdict"] = json!("maybe");
        assert_eq!(violations(&schema(), &broken).len(), 3);
    }

    #[test]
    fn unknown_is_null_and_never_missing_or_zero() {
        let document = sample();
        let fast = &document["models"][0]["metrics"];
        assert_eq!(fast["ttfrt"]["n"], 0);
        assert!(fast["ttfrt"].as_object().unwrap().contains_key("p99"));
        assert_eq!(fast["ttfrt"]["p99"], Value::Null);
        assert_eq!(fast["ttft"]["n"], 20);
        assert_eq!(document["models"][1]["failures"]["rate_limit"]["count"], 2);
        assert_eq!(document["started_at"], "2026-08-23T12:00:00.250Z");
    }

    #[test]
    fn the_text_is_one_document_and_a_line_break() {
        let report = testing::report();
        let text = text(&report, &[]);
        assert!(text.ends_with("}\n") && !text.ends_with("\n\n"));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["schema"], SCHEMA);
    }
}
