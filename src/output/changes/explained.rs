//! Formats one change of a series: its chart with the levels before and after, and all that is stored beside it.

use super::{cause, effect, local, percent, what};
use crate::domain::change_document::change_document;
use crate::domain::change_evidence::{NeighbourReading, StoredFacts};
use crate::domain::series_block::{slot_of, slot_start};
use crate::domain::series_change::{
    ChangeScope, ChangedLevel, EstimatedTime, MeasuredSeries, SeriesChange, WatchedFigure,
};
use crate::domain::timestamp::time;
use crate::measure::metrics::Unit;
use crate::output::level_chart::{DrawnLevel, LevelChart};
use crate::output::list_report::{Column, ListReport};
use crate::output::view::ReportView;
use crate::output::{text as words, units};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// The schema of one change with its evidence, described beside that of the list.
pub const SCHEMA: &str = "llmbench.results.change/1";

/// A change with what was stored around it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedChange {
    pub as_of: DateTime<Utc>,
    pub change: SeriesChange,
    /// Slots and medians of the figure; empty for a swap.
    pub points: Vec<(i64, f64)>,
    pub before: StoredFacts,
    pub after: StoredFacts,
    pub neighbours: Vec<(MeasuredSeries, NeighbourReading)>,
}

/// One change for people: what, when, how much, why; its chart; and the facts beside it.
pub fn text(one: &ExplainedChange, view: &ReportView) -> String {
    let change = &one.change;
    let (zone, unicode) = (view.zone, view.terminal.unicode);
    let title = words::wrap(&words::escape(&heading(change)), view.terminal.width, 0);
    let mut lines: Vec<String> = title.iter().map(|line| view.paint().heading(line)).collect();
    let mut say = |words: String| lines.extend(words::wrap(&words::one_line(&words), view.terminal.width, 0));
    say(said(change, unicode));
    say(format!(
        "began {}, between {} and {}; certain since {}",
        local(change.began.at, zone),
        local(change.began.earliest, zone),
        local(change.began.latest, zone),
        local(change.noticed_at, zone)
    ));
    if let Some(ended) = &change.ended {
        say(format!(
            "went back {}, between {} and {}",
            local(ended.at, zone),
            local(ended.earliest, zone),
            local(ended.latest, zone)
        ));
    }
    say(format!("scope: {}", scope(change.scope)));
    say(format!("cause: {}", cause(change)));
    if let Some(seen) = &change.acknowledged {
        let note = seen.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
        say(format!("seen by {} {}{note}", seen.who, local(seen.at, zone)));
    }
    let chart = chart(one).map(|chart| chart.lines(view.terminal.width, unicode)).unwrap_or_default();
    if !chart.is_empty() {
        lines.push(String::new());
        lines.extend(chart);
        lines.push(axis(one, view));
    }
    lines.push(String::new());
    lines.extend(facts(one, view));
    lines.extend(neighbours(one, view));
    lines.join("\n") + "\n"
}

fn heading(change: &SeriesChange) -> String {
    let MeasuredSeries { model, runner, profile, connection } = &change.series;
    let mut words = format!("{}  {model}", change.id);
    for (name, value) in [("runner", runner), ("profile", profile)] {
        words.extend(value.iter().map(|value| format!(", {name} {value}")));
    }
    words.extend(connection.iter().map(|kind| format!(", over {kind} connections")));
    words
}

fn said(change: &SeriesChange, unicode: bool) -> String {
    match &change.level {
        ChangedLevel::Figure { figure, before, after, .. } => {
            let value = |value| units::phrase(unit(*figure), value, unicode);
            format!(
                "{} went from {} to {}: {}, where the brackets hold the true change with 95 %",
                what(change),
                value(*before),
                value(*after),
                effect(change, unicode)
            )
        }
        ChangedLevel::Swap { fact, before, after } => format!("{fact} was {before} and became {after}"),
    }
}

fn unit(figure: WatchedFigure) -> Unit {
    match figure {
        WatchedFigure::Ttft => Unit::Seconds,
        WatchedFigure::TokensPerSecond => Unit::Rate,
    }
}

fn scope(scope: ChangeScope) -> &'static str {
    match scope {
        ChangeScope::Model => "this model",
        ChangeScope::Provider => "models of the provider",
        ChangeScope::Runner => "all that this runner measures",
        ChangeScope::Path => "this runner alone: others that measure the same do not see it",
    }
}

fn chart(one: &ExplainedChange) -> Option<LevelChart> {
    let ChangedLevel::Figure { figure, before, after, .. } = one.change.level else { return None };
    let (first, last) = (one.points.first()?.0, one.points.last()?.0 + 1);
    let slot = |moment: &EstimatedTime| slot_of(moment.at.timestamp_millis()).clamp(first, last);
    let began = slot(&one.change.began);
    let ended = one.change.ended.as_ref().map_or(last, slot).max(began);
    let level = |from, to, value| DrawnLevel { from, to, value };
    let all = [level(first, began, before), level(began, ended, after), level(ended, last, before)];
    let levels = all.into_iter().filter(|level| level.from < level.to).collect();
    Some(LevelChart { unit: unit(figure), points: one.points.clone(), levels })
}

/// The first and the last day under a chart.
fn axis(one: &ExplainedChange, view: &ReportView) -> String {
    let day = |slot: Option<&(i64, f64)>| {
        slot.map_or_else(String::new, |(slot, _)| {
            let at = slot_start(*slot);
            at.with_timezone(&view.zone).format("%Y-%m-%d").to_string()
        })
    };
    let words =
        format!("{:>11}{} to {}, medians of 3 hours", "", day(one.points.first()), day(one.points.last()));
    words::cut(&words, view.terminal.width, view.terminal.unicode)
}

/// A fact before and after.
struct FactLine {
    name: &'static str,
    before: String,
    after: String,
}

fn facts(one: &ExplainedChange, view: &ReportView) -> Vec<String> {
    let unicode = view.terminal.unicode;
    let lines: Vec<FactLine> = fact_lines(unicode, &one.before, &one.after);
    ListReport::new(&lines)
        .column(Column::new("BESIDE IT"), |line| line.name.to_owned())
        .column(Column::new("BEFORE").free(), |line| line.before.clone())
        .column(Column::new("AFTER").free(), |line| line.after.clone())
        .headed(view)
}

fn fact_lines(unicode: bool, before: &StoredFacts, after: &StoredFacts) -> Vec<FactLine> {
    let none = || "not stored".to_owned();
    let seconds = |value: Option<f64>| value.map_or_else(none, |value| units::seconds(value, unicode));
    let count = |value: Option<f64>| value.map_or_else(none, units::count);
    let share = |value: Option<f64>| value.map_or_else(none, units::share);
    let word = |value: &Option<String>| value.clone().unwrap_or_else(none);
    let fit = |value: Option<bool>| {
        value.map_or_else(none, |fit| if fit { "may publish" } else { "should not publish" }.to_owned())
    };
    let line = |name, before: String, after: String| FactLine { name, before, after };
    vec![
        line("blocks of 3 hours", before.blocks.to_string(), after.blocks.to_string()),
        line("round trip time", seconds(before.network_rtt_seconds), seconds(after.network_rtt_seconds)),
        line("lag behind the kernel", seconds(before.kernel_lag_seconds), seconds(after.kernel_lag_seconds)),
        line("lag of the loop", seconds(before.loop_lag_seconds), seconds(after.loop_lag_seconds)),
        line("calibration of the host", fit(before.calibration_fit), fit(after.calibration_fit)),
        line("failures", share(before.failure_share), share(after.failure_share)),
        line("output tokens", count(before.output_tokens), count(after.output_tokens)),
        line("prompt tokens", count(before.input_tokens), count(after.input_tokens)),
        line("finish reason", word(&before.finish_reason), word(&after.finish_reason)),
        line("model of the answers", word(&before.response_model), word(&after.response_model)),
        line("system fingerprint", word(&before.system_fingerprint), word(&after.system_fingerprint)),
        line("quantization", word(&before.quantization), word(&after.quantization)),
        line("endpoint", word(&before.endpoint), word(&after.endpoint)),
    ]
}

/// Neighbours that are shown without `--wide`.
const SHOWN_NEIGHBOURS: usize = 20;

fn neighbours(one: &ExplainedChange, view: &ReportView) -> Vec<String> {
    if one.neighbours.is_empty() {
        return vec![view.paint().quiet("no other series is stored over this time")];
    }
    let shown = if view.verbose { one.neighbours.len() } else { one.neighbours.len().min(SHOWN_NEIGHBOURS) };
    let mut lines = vec![String::new()];
    let list = ListReport::new(&one.neighbours[..shown])
        .column(Column::new("OVER THE SAME TIME").free(), |(series, _)| series.model.to_string())
        .column(Column::new("RUNNER").rank(1).silent(&["-"]), |(series, _)| {
            series.runner.clone().unwrap_or_else(|| "-".to_owned())
        })
        .column(Column::new("MOVED"), |(_, reading)| moved(reading))
        .column(Column::number("BLOCKS").rank(2), |(_, reading)| match reading {
            NeighbourReading::Figure { blocks_before, blocks_after, .. } => {
                format!("{blocks_before} / {blocks_after}")
            }
            NeighbourReading::Fact { .. } => String::new(),
        });
    lines.extend(list.headed(view));
    if shown < one.neighbours.len() {
        lines.push(
            view.paint().quiet(&format!("and {} more: --wide shows them", one.neighbours.len() - shown)),
        );
    }
    lines
}

fn moved(reading: &NeighbourReading) -> String {
    match reading {
        NeighbourReading::Figure { blocks_after: 0, .. } => "nothing since".to_owned(),
        NeighbourReading::Figure { before, after, .. } => format!("{} %", percent(after / before)),
        NeighbourReading::Fact { before, after } => {
            let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".to_owned());
            format!("{} -> {}", word(before), word(after))
        }
    }
}

/// One change for programs.
pub fn document(one: &ExplainedChange) -> Value {
    let points: Vec<Value> = one
        .points
        .iter()
        .map(|(slot, median)| json!({"at": time(slot_start(*slot)), "median": median}))
        .collect();
    json!({
        "schema": SCHEMA,
        "as_of": time(one.as_of),
        "change": change_document(&one.change),
        "blocks": points,
        "beside": {"before": facts_document(&one.before), "after": facts_document(&one.after)},
        "neighbours": one.neighbours.iter().map(neighbour_document).collect::<Vec<_>>(),
    })
}

fn facts_document(facts: &StoredFacts) -> Value {
    json!({
        "blocks": facts.blocks,
        "network_rtt_seconds": facts.network_rtt_seconds,
        "kernel_lag_max_seconds": facts.kernel_lag_seconds,
        "loop_lag_seconds": facts.loop_lag_seconds,
        "output_tokens": facts.output_tokens,
        "input_tokens": facts.input_tokens,
        "failure_share": facts.failure_share,
        "finish_reason": facts.finish_reason,
        "response_model": facts.response_model,
        "system_fingerprint": facts.system_fingerprint,
        "quantization": facts.quantization,
        "endpoint": facts.endpoint,
        "calibration_error_seconds": facts.calibration_error_seconds,
        "calibration_may_publish": facts.calibration_fit,
    })
}

fn neighbour_document((series, reading): &(MeasuredSeries, NeighbourReading)) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
    put("provider", series.model.provider.clone().into());
    put("model", series.model.model_id.clone().into());
    put("runner", series.runner.clone().into());
    put("profile", series.profile.clone().into());
    put("connection", series.connection.clone().into());
    match reading {
        NeighbourReading::Figure { before, after, blocks_before, blocks_after, noise } => {
            put("before", json!(before));
            put("after", if *blocks_after > 0 { json!(after) } else { Value::Null });
            put("blocks_before", json!(blocks_before));
            put("blocks_after", json!(blocks_after));
            put("noise", json!(noise));
        }
        NeighbourReading::Fact { before, after } => {
            put("before", before.clone().into());
            put("after", after.clone().into());
        }
    }
    Value::Object(fields)
}
