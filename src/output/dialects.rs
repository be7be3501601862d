//! Formats a run in the metrics of another load generator: a list a model beside the report's own table, and its part of the
//! JSON document. Names and units are the tool's.

use super::json::summary;
use super::list_report::{Column, ListReport};
use super::view::ReportView;
use super::{text, units};
use crate::measure::SummaryStats;
use crate::measure::metric_dialect::{DialectFigures, DialectMetric, DialectReading, DialectReport};
use crate::measure::report::{MetricSamples, Report, RequestedConnection};
use serde_json::{Map, Value, json};

/// A metric with its samples.
type DialectLine<'a> = (&'static DialectMetric, &'a MetricSamples);

/// A heading, and for each model a line a metric; empty without a dialect.
pub fn lines(report: &Report, view: &ReportView) -> Vec<String> {
    let Some(dialect) = &report.dialect else { return Vec::new() };
    let definition = dialect.dialect.definition();
    let heading = format!("In the metrics of {} {}", definition.tool, definition.version);
    let mut lines = vec![view.paint().heading(&heading)];
    for (model, figures) in report.models.iter().zip(&dialect.models) {
        if report.models.len() > 1 {
            lines.extend(text::wrap(&text::escape(&model.model.to_string()), view.terminal.width, 0));
        }
        lines.extend(list(dialect, figures, view));
        lines.extend(unread(figures, definition.tool, view));
    }
    if report.asked.connection == RequestedConnection::Cold {
        let note = format!(
            "{} keeps connections open; these requests opened new ones, and their times hold that. --warm compares.",
            definition.tool
        );
        lines.extend(view.wrap(&note).iter().map(|line| view.paint().doubtful(line)));
    }
    lines
}

fn list(dialect: &DialectReport, figures: &DialectFigures, view: &ReportView) -> Vec<String> {
    if figures.requests == 0 {
        return vec!["  no figure".to_owned()];
    }
    let rows: Vec<DialectLine<'_>> =
        dialect.dialect.definition().metrics.iter().zip(&figures.samples).collect();
    let width = view.terminal.width.saturating_sub(2);
    let list = ListReport::new(&rows)
        .column(Column::new("METRIC").free(), |(metric, _)| metric.name.to_owned())
        .column(Column::number("P50"), |row| statistic(row, |summary| summary.p50))
        .column(Column::number("P95").rank(1), high)
        .column(Column::number("N").rank(2), count)
        .column(Column::new("UNIT").rank(3), |(metric, _)| metric.unit.to_owned());
    list.lines(Some(width), view.terminal.unicode).into_iter().map(|line| format!("  {line}")).collect()
}

/// A whole run has one value, which is no percentile.
fn high(row: &DialectLine<'_>) -> String {
    if is_of_run(row) { "-".to_owned() } else { statistic(row, |summary| summary.p95) }
}

fn count(row: &DialectLine<'_>) -> String {
    if is_of_run(row) { "-".to_owned() } else { row.1.sorted.len().to_string() }
}

fn is_of_run((metric, _): &DialectLine<'_>) -> bool {
    matches!(metric.reading, DialectReading::Run(_))
}

fn statistic((_, samples): &DialectLine<'_>, read: fn(&SummaryStats) -> f64) -> String {
    samples.summary.as_ref().map_or_else(|| "-".to_owned(), |summary| units::count(read(summary)))
}

/// What is in no figure because the tool does not read it.
fn unread(figures: &DialectFigures, tool: &str, view: &ReportView) -> Vec<String> {
    if figures.unread == 0 {
        return Vec::new();
    }
    let answers = units::counted(figures.unread, "answer");
    let words = format!("{answers} in no figure: {tool} reads Chat Completions and Completions");
    view.wrap(&words).iter().map(|line| view.paint().doubtful(line)).collect()
}

/// Whose metrics they are.
pub(super) fn document(report: &DialectReport) -> Value {
    let definition = report.dialect.definition();
    json!({ "tool": definition.tool, "version": definition.version })
}

/// Adds its figures to the document of each model; null without a dialect.
pub(super) fn add(report: Option<&DialectReport>, models: &mut [Value]) {
    for (place, model) in models.iter_mut().enumerate() {
        let figures = report.and_then(|report| Some(figures(report, report.models.get(place)?)));
        if let Some(fields) = model.as_object_mut() {
            fields.insert("dialect".to_owned(), figures.unwrap_or_default());
        }
    }
}

fn figures(report: &DialectReport, figures: &DialectFigures) -> Value {
    let (mut metrics, mut totals) = (Map::new(), Map::new());
    for (metric, samples) in report.dialect.definition().metrics.iter().zip(&figures.samples) {
        match metric.reading {
            DialectReading::Request(_) => {
                let mut fields = summary(samples.summary.as_ref());
                fields.insert("unit".to_owned(), metric.unit.into());
                metrics.insert(metric.name.to_owned(), Value::Object(fields));
            }
            DialectReading::Run(_) => {
                let value = json!({ "value": samples.sorted.first(), "unit": metric.unit });
                totals.insert(metric.name.to_owned(), value);
            }
        }
    }
    json!({ "requests": figures.requests, "unread": figures.unread, "metrics": metrics, "totals": totals })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::metric_dialect::{ChunkTimes, DialectCollector, MetricDialect};
    use crate::measure::testing;
    use crate::output::schema_check::violations;
    use crate::output::{json, snapshots};
    use chrono::TimeDelta;
    use std::time::Duration;

    /// The sample report, its first model with answers of 200 ms and a token every 20 ms, its second with one in another
    /// wire format.
    fn report(dialect: MetricDialect) -> Report {
        let report = testing::report();
        let mut collector =
            DialectCollector::expecting(dialect, report.models.iter().map(|model| &model.model));
        for place in 0..20_u64 {
            let text: Vec<Duration> =
                (0..64).map(|token| Duration::from_millis(200 + 10 * (place % 7) + 20 * token)).collect();
            let chunks = ChunkTimes {
                started_at: testing::moment() + TimeDelta::seconds(place as i64 * 2),
                tokens: text.clone(),
                visible: text.clone(),
                end: text[63],
                content: text,
                completion_tokens: Some(64),
            };
            collector.add(&report.models[0].model, Some(&chunks), None);
        }
        collector.add(&report.models[1].model, None, Some(64));
        Report { dialect: Some(collector.finish()), ..report }
    }

    fn screen(report: &Report, width: usize) -> String {
        lines(report, &snapshots::view(width, false, false)).join("\n")
    }

    #[test]
    fn the_list_has_the_names_of_the_tool() {
        snapshots::assert_picture("report_dialect_80", &screen(&report(MetricDialect::Aiperf), 80));
    }

    #[test]
    fn a_narrow_screen_keeps_names_and_medians() {
        let report = report(MetricDialect::Guidellm);
        for line in screen(&report, 60).lines() {
            assert!(text::width(line) <= 60, "{line}");
        }
        assert!(screen(&report, 60).contains("time_per_output_token_ms"));
    }

    #[test]
    fn the_document_is_what_the_schema_says() {
        let schema: Value = serde_json::from_str(include_str!("../../docs/schema/run.schema.json")).unwrap();
        for dialect in [MetricDialect::Aiperf, MetricDialect::Guidellm, MetricDialect::Vllm] {
            let document = json::document(&report(dialect), &[]);
            assert_eq!(violations(&schema, &document), Vec::<String>::new());
            assert_eq!(document["dialect"]["tool"], dialect.definition().tool);
            let (read, other) = (&document["models"][0]["dialect"], &document["models"][1]["dialect"]);
            assert_eq!((&read["requests"], &other["unread"]), (&20.into(), &1.into()));
            assert!(other["metrics"].as_object().unwrap().values().all(|metric| metric["p50"].is_null()));
        }
        let without = json::document(&testing::report(), &[]);
        assert_eq!((&without["dialect"], &without["models"][0]["dialect"]), (&Value::Null, &Value::Null));
    }
}
