//! Formats a comparison of two sides: a table with intervals drawn to scale, and the document for programs.

use super::list_report::{Column, ListReport};
use super::view::ReportView;
use super::{row_fields, text, units};
use crate::domain::Window;
use crate::measure::block_comparison::{BlockComparison, MeasuredDifference};
use crate::measure::compare::{ComparedMetric, RunStratum};
use crate::measure::failure_shares::FailureShares;
use crate::measure::metrics::BetterDirection;

mod document;
mod remarks;

pub use document::document;
pub use remarks::shortage;

pub const COMPARISON: &str = "llmbench.results.compare/1";

/// Models that are listed unless all are requested.
const LISTED: usize = 20;

/// The columns of an interval's drawing; odd, so that "the same" has a column of its own.
const SCALE: usize = 25;

/// The settings of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareSettings {
    /// Either `all`, `published` or `probe`.
    pub series: &'static str,
    /// The confidence of the whole answer, 0 to 1.
    pub confidence: f64,
    /// The confidence of each figure's interval, chosen so that the whole reaches `confidence`.
    pub confidence_each: f64,
    /// The smallest share that counts as a difference.
    pub min_difference: f64,
    /// The difference for which it is told how long it takes to find it.
    pub decided_difference: f64,
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

/// A figure and its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedFigure {
    pub figure: &'static ComparedMetric,
    pub answer: BlockComparison,
    /// True if it is a real difference; `None` if there are too few blocks of time.
    pub real: Option<bool>,
    /// Hours that either side needs until the settings' difference is decided; `None` beyond ten years.
    pub hours_to_decide: Option<u32>,
}

/// A figure of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelFigure {
    /// Samples of A, then of B.
    pub samples: [usize; 2],
    /// `None` with too few blocks of time on a side.
    pub found: Option<MeasuredDifference>,
}

/// A model of either side.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its name on both sides; empty if two models are compared.
    pub name: String,
    pub figures: Vec<ModelFigure>,
}

impl Model {
    /// True if it counts in any figure.
    fn counts(&self) -> bool {
        self.figures.iter().any(|figure| figure.found.is_some())
    }
}

/// A stratum and the runs of either side in it, suspect ones left out.
#[derive(Debug, Clone, PartialEq)]
pub struct StratumReport {
    pub stratum: RunStratum,
    pub runs: [u64; 2],
    /// True if a model has runs of both sides in it.
    pub compared: bool,
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
    pub failures: FailureShares,
    pub strata: Vec<StratumReport>,
    pub figures: Vec<ComparedFigure>,
    /// All models that occur on either side.
    pub models: Vec<Model>,
}

impl ComparisonReport {
    /// The number of models that count on both sides, and of those with one side only or too few blocks of time.
    fn models_counted(&self) -> (usize, usize) {
        let both = self.models.iter().filter(|model| model.counts()).count();
        (both, self.models.len() - both)
    }
}

/// The report for people, ending in a line break.
pub fn report(comparison: &ComparisonReport, view: &ReportView) -> String {
    let mut parts = vec![head(comparison, view), figures(comparison, view), remarks::lines(comparison, view)];
    if comparison.paired {
        parts.push(models(comparison, view));
    }
    let shown = parts.iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n"));
    shown.collect::<Vec<_>>().join("\n\n") + "\n"
}

fn head(comparison: &ComparisonReport, view: &ReportView) -> Vec<String> {
    let mut lines = vec![side("A", &comparison.a, view), side("B", &comparison.b, view)];
    let sure = units::share(comparison.asked.confidence);
    let mut words = vec![format!(
        "medians of blocks of time{}, B against A, {} runs, {sure} sure in all",
        block_counts(comparison),
        comparison.asked.series
    )];
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

/// How many blocks the sides have in the first figure that has an answer.
fn block_counts(comparison: &ComparisonReport) -> String {
    let mut answers = comparison.figures.iter().map(|judged| &judged.answer);
    let first = answers.find(|answer| answer.found.is_some());
    first.map_or_else(String::new, |answer| {
        let [a, b] = answer.sides.map(|side| remarks::blocks(side.blocks, answer.length));
        format!(" (A {a}, B {b})")
    })
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
    let found = comparison.figures.iter().filter_map(|judged| judged.answer.found);
    let reach = found.flat_map(|found| [found.ratio_interval.low.ln(), found.ratio_interval.high.ln()]);
    let reach = reach.map(f64::abs).filter(|reach| reach.is_finite()).fold(0.0, f64::max);
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
    fn found(judged: &ComparedFigure, cell: impl Fn(&MeasuredDifference) -> String) -> String {
        judged.answer.found.as_ref().map_or_else(|| "-".to_owned(), cell)
    }
    let value = move |judged: &ComparedFigure, value: fn(&MeasuredDifference) -> f64| {
        found(judged, |found| units::cell(judged.figure.unit, value(found), unicode))
    };
    let interval = |found: &MeasuredDifference| {
        format!("{} to {}", change(found.ratio_interval.low), change(found.ratio_interval.high))
    };
    let drawn = move |judged: &ComparedFigure| {
        judged.answer.found.map(|found| drawing(&found, reach, unicode)).unwrap_or_default()
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
    let Some(found) = judged.answer.found else { return "too few runs".to_owned() };
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
    match percent {
        f64::INFINITY => "any".to_owned(),
        999.5.. => format!("x {}", units::short_rate(ratio)),
        _ => format!("{percent:+.1} %"),
    }
}

/// An interval on a logarithmic scale, so that half and double are equally far from the line of no change: its ends,
/// and the ratio itself. `reach` is the logarithm at the edge.
fn drawing(found: &MeasuredDifference, reach: f64, unicode: bool) -> String {
    let place = |ratio: f64| {
        let share = if reach > 0.0 { (ratio.ln() / reach).clamp(-1.0, 1.0) } else { 0.0 };
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
    let counted: Vec<&Model> = comparison.models.iter().filter(|model| model.counts()).collect();
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
    fn most(model: &Model, side: usize) -> String {
        model.figures.iter().map(|figure| figure.samples[side]).max().unwrap_or(0).to_string()
    }
    fn changed(figure: &ModelFigure) -> String {
        figure.found.map_or_else(|| "-".to_owned(), |found| change(found.ratio))
    }
    let list = ListReport::new(models)
        .column(Column::new("MODEL").free(), |model| model.name.clone())
        .column(Column::number("RUNS A"), |model| most(model, 0))
        .column(Column::number("RUNS B"), |model| most(model, 1));
    let place =
        |figure: &ComparedMetric| crate::measure::compare::FIGURES.iter().position(|known| known == figure);
    let ranked =
        comparison.figures.iter().zip(0..).filter_map(|(judged, rank)| Some((place(judged.figure)?, rank)));
    ranked.enumerate().fold(list, |list, (at, (place, rank))| {
        let cell = move |model: &&Model| model.figures.get(at).map_or_else(String::new, changed);
        list.column(Column::number(TITLES[place]).rank(rank), cell)
    })
}

#[cfg(test)]
mod tests;
