//! Lists several models of one run, the best first: medians, failures, and the distribution of TTFT on one scale.

use super::list_report::{Column, ListReport};
use super::view::ReportView;
use super::{text, units};
use crate::measure::report::ModelReport;
use std::cmp::Ordering;

/// The order of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// The shortest median TTFT first.
    Ttft,
    /// The highest median of tokens/s, end to end, first.
    Tps,
    Name,
}

/// Narrower terminals, in columns, get no list: the blocks below say the same.
const NARROWEST: usize = 34;
/// The columns that a name may always take. It takes at most half of the line; other columns give
/// way before it shrinks.
const LEAST_NAME: usize = 16;
/// The width of a distribution, in characters.
const BINS: usize = 24;
/// With fewer samples a distribution shows noise.
const MINIMUM_SAMPLES: usize = 5;

/// The list; empty if fewer than two models were measured, or if a name and two figures do not fit.
pub fn lines(models: &[ModelReport], sort: Sort, view: &ReportView) -> Vec<String> {
    if models.len() < 2 || view.terminal.width < NARROWEST {
        return Vec::new();
    }
    let sorted = sorted(models, sort);
    let mut lines =
        list(&sorted, scale(models), view).lines(Some(view.terminal.width), view.terminal.unicode);
    for (place, line) in lines.iter_mut().enumerate() {
        match place.checked_sub(1).map(|place| sorted[place]) {
            None => *line = view.paint().heading(line),
            Some(model) if model.failed() > 0 => *line = view.paint().bad(line),
            Some(_) => {}
        }
    }
    lines
}

/// The models in this order.
pub(super) fn sorted(models: &[ModelReport], sort: Sort) -> Vec<&ModelReport> {
    let mut sorted: Vec<&ModelReport> = models.iter().collect();
    sorted.sort_by(|one, other| order(one, other, sort));
    sorted
}

/// A model without the figure comes last; equal ones are sorted by name.
fn order(one: &ModelReport, other: &ModelReport, sort: Sort) -> Ordering {
    let by = |key: &str, better: fn(&f64, &f64) -> Ordering| match (median(one, key), median(other, key)) {
        (Some(one), Some(other)) => better(&one, &other),
        (one, other) => other.is_some().cmp(&one.is_some()),
    };
    let figures = match sort {
        Sort::Ttft => by("ttft", f64::total_cmp),
        Sort::Tps => by("tps", |one, other| other.total_cmp(one)),
        Sort::Name => Ordering::Equal,
    };
    figures.then_with(|| one.model.to_string().cmp(&other.model.to_string()))
}

fn median(model: &ModelReport, key: &str) -> Option<f64> {
    Some(model.figure(key)?.summary?.p50)
}

fn list<'a>(
    models: &'a [&'a ModelReport],
    scale: Option<(f64, f64)>,
    view: &'a ReportView,
) -> ListReport<'a, &'a ModelReport> {
    let unicode = view.terminal.unicode;
    let widest = (view.terminal.width / 2).max(LEAST_NAME);
    let ttft = |model: &ModelReport| model.figure("ttft").and_then(|figure| figure.summary);
    let time = move |value: Option<f64>| {
        value.map_or_else(|| "-".to_owned(), |value| units::seconds(value, unicode))
    };
    let rate = |model: &ModelReport| median(model, "tps").map_or_else(|| "-".to_owned(), units::short_rate);
    let drawn = move |model: &ModelReport| {
        let samples = model.figure("ttft").map_or(&[][..], |figure| &figure.sorted);
        scale.map_or_else(String::new, |scale| spread(samples, scale, unicode))
    };
    ListReport::new(models)
        .column(Column::new("MODEL"), move |model| {
            text::cut(&text::escape(&model.model.to_string()), widest, unicode)
        })
        .column(Column::number("OK").rank(2), |model| model.successes.to_string())
        .column(Column::number("FAILED").rank(1), |model| model.failed().to_string())
        .column(Column::number("TTFT"), move |model| time(ttft(model).map(|summary| summary.p50)))
        .column(Column::number("TTFT P90").rank(3), move |model| time(ttft(model).map(|summary| summary.p90)))
        .column(Column::number("TOK/S"), move |model| rate(model))
        .column(Column::new("TTFT, SPREAD").rank(4), move |model| drawn(model))
}

/// The smallest and the largest TTFT of all models, in seconds.
fn scale(models: &[ModelReport]) -> Option<(f64, f64)> {
    let all = || models.iter().filter_map(|model| model.figure("ttft")).map(|figure| &figure.sorted);
    let low = all().filter_map(|sorted| sorted.first()).copied().reduce(f64::min)?;
    let high = all().filter_map(|sorted| sorted.last()).copied().reduce(f64::max)?;
    (high > low).then_some((low, high))
}

/// The number of samples in each part of the scale, one character each; empty if there are too few.
fn spread(sorted: &[f64], (low, high): (f64, f64), unicode: bool) -> String {
    if sorted.len() < MINIMUM_SAMPLES {
        return String::new();
    }
    let mut counts = [0_usize; BINS];
    for sample in sorted {
        let place = ((sample - low) / (high - low) * BINS as f64) as usize;
        counts[place.min(BINS - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1) as f64;
    let drawn = |count: usize| match count {
        0 => ' ',
        count => units::height(count as f64 / most, unicode),
    };
    counts.map(drawn).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FailureKind, ModelRef, Outcome};
    use crate::measure::collect::OutcomeCollector;
    use crate::measure::testing::{failure, run};

    fn models() -> Vec<ModelReport> {
        let mut collector = OutcomeCollector::expecting(&[]);
        for (name, ttft) in [("slow", 0.9), ("fast", 0.1), ("also", 0.1)] {
            for n in 0..6 {
                let outcome = Outcome::Success(Box::new(run("groq", name, ttft + f64::from(n) * 0.01)));
                collector.add(&ModelRef::new("groq", name), &outcome);
            }
        }
        let dead = failure("groq", "dead", FailureKind::Auth, "no");
        collector.add(&ModelRef::new("groq", "dead"), &dead);
        collector.finish()
    }

    fn names(sort: Sort) -> Vec<String> {
        let models = models();
        sorted(&models, sort).iter().map(|model| model.model.model_id.clone()).collect()
    }

    #[test]
    fn the_best_is_first_and_what_never_answered_last() {
        assert_eq!(names(Sort::Ttft), ["also", "fast", "slow", "dead"]);
        assert_eq!(names(Sort::Name), ["also", "dead", "fast", "slow"]);
        assert_eq!(names(Sort::Tps).last().unwrap(), "dead");
    }

    #[test]
    fn a_spread_lies_on_the_scale_of_all_models() {
        let (scale, samples) = ((0.0, 2.4), [0.0, 0.01, 0.02, 0.03, 2.4]);
        let drawn = spread(&samples, scale, true);
        assert_eq!(drawn.trim_end(), drawn, "the largest sample is in the last place");
        assert_eq!((drawn.chars().count(), drawn.chars().next()), (BINS, Some('█')));
        assert_eq!(spread(&samples[..4], scale, true), "");
        assert_eq!(super::scale(&models()).map(|(low, _)| low), Some(0.1));
    }
}
