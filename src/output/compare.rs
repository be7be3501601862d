//! Formats a comparison of two sides: a table with intervals drawn to scale, and the document for programs.

use super::list_report::{Column, ListReport};
use super::view::ReportView;
use super::{json, row_fields, text, units};
use crate::domain::Window;
use crate::measure::compare::{ComparedMetric, MetricComparison, SampleBlock};
use crate::measure::metrics::BetterDirection;
use serde_json::{Value, json};

pub const COMPARISON: &str = "llmbench.results.compare/1";

/// Models that are listed unless all are requested.
const LISTED: usize = 20;

/// The columns of an interval's drawing; odd, so that "the same" has a column of its own.
const SCALE: usize = 25;

/// The settings of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareSettings {
    /// Either `published` or `probe`.
    pub series: &'static str,
    /// The confidence of the whole answer, 0 to 1.
    pub confidence: f64,
    /// The confidence of each figure's interval, chosen so that the whole reaches `confidence`.
    pub confidence_each: f64,
    /// The smallest share that counts as a difference.
    pub min_difference: f64,
    /// The seed of the resampling.
    pub seed: u64,
}

/// One side and the runs that were read for it.
#[derive(Debug, Clone, PartialEq)]
pub struct SideReport {
    /// As it was typed.
    pub text: String,
    /// Its provider, if it names one.
    pub provider: Option<String>,
    /// Its model, if it names one.
    pub model: Option<String>,
    pub window: Window,
    pub runs: u64,
    /// Runs of the published series among them.
    pub published: u64,
    /// Suspect runs among them.
    pub suspect: u64,
    /// Rows among them that name no model.
    pub odd: u64,
    /// Values that are no figure.
    pub odd_values: u64,
}

/// A figure and its answer; both `None` if there are too few runs.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedFigure {
    pub figure: &'static ComparedMetric,
    pub found: Option<MetricComparison>,
    /// True if it is a real difference.
    pub real: Option<bool>,
}

/// A model of both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its name on both sides; empty if two models are compared.
    pub name: String,
    /// Its samples, one block per figure.
    pub figures: Vec<SampleBlock>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ComparisonReport {
    pub asked: CompareSettings,
    /// The side that serves as the reference.
    pub a: SideReport,
    /// The side that is compared with it.
    pub b: SideReport,
    /// True if each model is compared with itself, false if one is compared with another.
    pub paired: bool,
    pub figures: Vec<ComparedFigure>,
    /// All models that occur on either side.
    pub models: Vec<Model>,
}

impl ComparisonReport {
    /// The number of models that count on both sides, and of those with one side only or too few runs.
    fn models_counted(&self) -> (usize, usize) {
        let both = self.models.iter().filter(|model| model.figures.iter().any(SampleBlock::counts)).count();
        (both, self.models.len() - both)
    }
}

/// The report for people, ending in a line break.
pub fn report(comparison: &ComparisonReport, view: &ReportView) -> String {
    let mut parts = vec![head(comparison, view), figures(comparison, view)];
    if comparison.paired {
        parts.push(models(comparison, view));
    }
    let shown = parts.iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n"));
    shown.collect::<Vec<_>>().join("\n\n") + "\n"
}

fn head(comparison: &ComparisonReport, view: &ReportView) -> Vec<String> {
    let mut lines = vec![side("A", &comparison.a, view), side("B", &comparison.b, view)];
    let sure = units::share(comparison.asked.confidence);
    let mut words =
        vec![format!("medians, B against A, {} runs, {sure} sure in all", comparison.asked.series)];
    if comparison.paired {
        let (both, rest) = comparison.models_counted();
        words.push(if both == 1 {
            "over the one model that both have".to_owned()
        } else {
            format!("over the {both} models that both have")
        });
        words
            .extend((rest > 0).then(|| format!("{rest} other{} left out", if rest == 1 { "" } else { "s" })));
    }
    if comparison.asked.min_difference > 0.0 {
        words.push(format!("less than {} is no difference", units::share(comparison.asked.min_difference)));
    }
    lines.extend(view.wrap(&words.join("; ")));
    lines
}

fn side(name: &str, side: &SideReport, view: &ReportView) -> String {
    let at = |at: Option<_>, open: &str| {
        at.map_or_else(|| open.to_owned(), |at| row_fields::short_time(at, view.zone))
    };
    let what = match (&side.provider, &side.model) {
        (Some(provider), Some(model)) => format!("{provider}:{model}"),
        (Some(provider), None) => provider.clone(),
        _ => "all models".to_owned(),
    };
    let mut line = format!("{name}  {}, {} runs", text::escape(&what), side.runs);
    let mut notes = Vec::new();
    notes.extend((side.published < side.runs).then(|| format!("{} published", side.published)));
    notes.extend((side.suspect > 0).then(|| format!("{} suspect, left out", side.suspect)));
    if !notes.is_empty() {
        line.push_str(&format!(" ({})", notes.join("; ")));
    }
    line.push_str(&format!(", {} to {}", at(side.window.from, "the first"), at(side.window.to, "now")));
    view.limit().map_or_else(|| line.clone(), |limit| text::cut(&line, limit, view.terminal.unicode))
}

fn figures(comparison: &ComparisonReport, view: &ReportView) -> Vec<String> {
    let found = comparison.figures.iter().filter_map(|judged| judged.found);
    let reach = found.flat_map(|found| [found.ratio_interval.low.ln(), found.ratio_interval.high.ln()]);
    let reach = reach.map(f64::abs).fold(0.0, f64::max);
    let unicode = view.terminal.unicode;
    let mut lines = figure_list(&comparison.figures, reach, unicode).lines(view.limit(), unicode);
    for (line, judged) in lines.iter_mut().skip(1).zip(&comparison.figures) {
        if judged.real == Some(true) {
            *line = view.paint().heading(line);
        }
    }
    lines
}

fn figure_list(figures: &[ComparedFigure], reach: f64, unicode: bool) -> ListReport<'_, ComparedFigure> {
    fn found(judged: &ComparedFigure, cell: impl Fn(&MetricComparison) -> String) -> String {
        judged.found.as_ref().map_or_else(|| "-".to_owned(), cell)
    }
    let value = move |judged: &ComparedFigure, value: fn(&MetricComparison) -> f64| {
        found(judged, |found| units::cell(judged.figure.unit, value(found), unicode))
    };
    let interval = |found: &MetricComparison| {
        format!("{} to {}", change(found.ratio_interval.low), change(found.ratio_interval.high))
    };
    let drawn = move |judged: &ComparedFigure| {
        judged.found.map(|found| drawing(&found, reach, unicode)).unwrap_or_default()
    };
    ListReport::new(figures)
        .column(Column::new("FIGURE"), |judged| judged.figure.title.to_owned())
        .column(Column::number("A"), move |judged| value(judged, |found| found.median_a))
        .column(Column::number("B"), move |judged| value(judged, |found| found.median_b))
        .column(Column::number("B - A").rank(3), move |judged| value(judged, |found| found.difference))
        .column(Column::number("CHANGE"), |judged| found(judged, |found| change(found.ratio)))
        .column(Column::number("INTERVAL").rank(1), move |judged| found(judged, interval))
        .column(Column::new("").rank(2), drawn)
        .column(Column::new("DIFFERENCE"), answer)
}

fn answer(judged: &ComparedFigure) -> String {
    let Some(found) = judged.found else { return "too few runs".to_owned() };
    let less = found.ratio < 1.0;
    match (judged.real, judged.figure.better == BetterDirection::Lower) {
        (Some(true), lower) if less == lower => "B is faster",
        (Some(true), _) => "B is slower",
        _ => "none",
    }
    .to_owned()
}

/// A ratio as a change: `+12.3 %`, `−4.0 %`; a multiple if percents would be long.
fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    if percent >= 999.5 { format!("x {}", units::short_rate(ratio)) } else { format!("{percent:+.1} %") }
}

/// An interval on a logarithmic scale, so that half and double are equally far from the line of no change: its ends,
/// and the ratio itself. `reach` is the logarithm at the edge.
fn drawing(found: &MetricComparison, reach: f64, unicode: bool) -> String {
    let place = |ratio: f64| {
        let share = if reach > 0.0 { ratio.ln() / reach } else { 0.0 };
        let middle = (SCALE / 2) as f64;
        (middle + share * middle).round().clamp(0.0, (SCALE - 1) as f64) as usize
    };
    let [empty, same, line, low, high, dot] =
        if unicode { ['·', '│', '─', '├', '┤', '●'] } else { ['.', '|', '-', '[', ']', 'o'] };
    let mut drawn = [empty; SCALE];
    let (from, to) = (place(found.ratio_interval.low), place(found.ratio_interval.high));
    drawn[from..=to].fill(line);
    drawn[SCALE / 2] = same;
    (drawn[from], drawn[to]) = (low, high);
    drawn[place(found.ratio)] = dot;
    drawn.iter().collect()
}

fn models(comparison: &ComparisonReport, view: &ReportView) -> Vec<String> {
    let counted: Vec<&Model> =
        comparison.models.iter().filter(|model| model.figures.iter().any(SampleBlock::counts)).collect();
    let listed = if view.verbose { counted.len() } else { counted.len().min(LISTED) };
    if listed == 0 {
        return Vec::new();
    }
    let mut lines = model_list(&counted[..listed], comparison).headed(view);
    if counted.len() > listed {
        lines.push(format!("and {} more: --wide lists them all", counted.len() - listed));
    }
    lines
}

/// One column per figure. The figure with the best evidence stays longest on a narrow screen.
fn model_list<'a>(models: &'a [&'a Model], comparison: &ComparisonReport) -> ListReport<'a, &'a Model> {
    const TITLES: [&str; 5] = ["TTFT", "TOK/S", "VISIBLE", "INTER-TOKEN", "TOTAL"];
    fn most(model: &Model, side: fn(&SampleBlock) -> usize) -> String {
        model.figures.iter().map(side).max().unwrap_or(0).to_string()
    }
    fn changed(block: &SampleBlock) -> String {
        let medians = block.medians().filter(|_| block.counts());
        medians.map_or_else(|| "-".to_owned(), |(a, b)| change(b / a))
    }
    let list = ListReport::new(models)
        .column(Column::new("MODEL").free(), |model| model.name.clone())
        .column(Column::number("RUNS A"), |model| most(model, |block| block.a.len()))
        .column(Column::number("RUNS B"), |model| most(model, |block| block.b.len()));
    let place =
        |figure: &ComparedMetric| crate::measure::compare::FIGURES.iter().position(|known| known == figure);
    let ranked =
        comparison.figures.iter().zip(0..).filter_map(|(judged, rank)| Some((place(judged.figure)?, rank)));
    ranked.enumerate().fold(list, |list, (at, (place, rank))| {
        let cell = move |model: &&Model| model.figures.get(at).map_or_else(String::new, changed);
        list.column(Column::number(TITLES[place]).rank(rank), cell)
    })
}

pub fn document(comparison: &ComparisonReport) -> Value {
    let asked = &comparison.asked;
    let (both, rest) = comparison.models_counted();
    let real: Vec<bool> = comparison.figures.iter().filter_map(|judged| judged.real).collect();
    let resamples =
        comparison.figures.iter().filter_map(|judged| judged.found).map(|found| found.resamples).min();
    let models = comparison.models.iter().map(|model| {
        let figures = model.figures.iter().zip(&comparison.figures);
        let figures: Vec<Value> = figures.map(|(block, judged)| model_figure(block, judged.figure)).collect();
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
        "method": "percentile bootstrap of medians",
        "resamples": resamples,
        "seed": asked.seed,
        "real": (!real.is_empty()).then(|| real.contains(&true)),
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

fn figure_document(judged: &ComparedFigure) -> Value {
    let found = judged.found.as_ref();
    json!({
        "metric": judged.figure.name,
        "key": judged.figure.key,
        "field": judged.figure.field,
        "unit": judged.figure.unit.as_str(),
        "better": if judged.figure.better == BetterDirection::Lower { "lower" } else { "higher" },
        "n_a": found.map_or(0, |found| found.n_a),
        "n_b": found.map_or(0, |found| found.n_b),
        "models": found.map_or(0, |found| found.blocks),
        "median_a": found.map(|found| found.median_a),
        "median_b": found.map(|found| found.median_b),
        "difference": found.map(|found| found.difference),
        "difference_low": found.map(|found| found.difference_interval.low),
        "difference_high": found.map(|found| found.difference_interval.high),
        "ratio": found.map(|found| found.ratio),
        "ratio_low": found.map(|found| found.ratio_interval.low),
        "ratio_high": found.map(|found| found.ratio_interval.high),
        "real": judged.real,
    })
}

fn model_figure(block: &SampleBlock, figure: &ComparedMetric) -> Value {
    let medians = block.medians();
    json!({
        "metric": figure.name,
        "key": figure.key,
        "n_a": block.a.len(),
        "n_b": block.b.len(),
        "median_a": medians.map(|(a, _)| a),
        "median_b": medians.map(|(_, b)| b),
        "ratio": medians.map(|(a, b)| b / a),
        "counts": block.counts(),
    })
}

#[cfg(test)]
mod tests;
