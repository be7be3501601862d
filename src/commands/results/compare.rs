//! `llmbench results compare`: compares two models, providers or windows. [`super::samples`] reads the rows,
//! `measure::compare` has the arithmetic, `output::compare` the display.

use super::samples::{self, ComparedRows, ModelNaming, SideCounts};
use super::sides::{self, ComparisonSide, RunScope};
use crate::cli::results::{MetricArg, ResultsCompareArgs, RunsArg};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::scope::{read_error, window};
use crate::commands::{stdout, unknown_names};
use crate::measure::block_comparison::{BlockLength, SeriesSamples, compare, time_to_decide};
use crate::measure::compare::{ComparedMetric, FIGURES, RunStratum};
use crate::measure::failure_shares::FailureShares;
use crate::output::{compare as shown, print};
use crate::storage::Store;
use crate::storage::history::RunSeries;
use chrono::{Duration, Local, Utc};
use std::collections::BTreeMap;

/// The difference for which it is told how long it takes to find it, on top of what counts as none.
const WANTED: f64 = 0.1;

/// The default window of a side.
const WEEK: Duration = Duration::days(7);

/// Runs `llmbench results compare` to its exit status.
///
/// # Errors
/// Status 2 for sides that cannot be compared or have too few runs, 75 for an unreachable store.
pub async fn run(args: ResultsCompareArgs, context: Context) -> Result<Exit, CommandError> {
    let (a, b) = both(&args)?;
    let store = context.open_store().await?;
    for side in [&a, &b] {
        unknown_names::provider(&side.scope(), &context, &*store).await?;
    }
    let (name, series) = series(&args);
    let rows = read(&*store, [&a, &b], series).await?;
    let figures = chosen(&args.metric);
    let asked = shown::CompareSettings {
        series: name,
        confidence: args.confidence,
        // Splits the allowed rate of false alarms among the figures.
        confidence_each: 1.0 - (1.0 - args.confidence) / figures.len() as f64,
        min_difference: args.min_difference,
        decided_difference: (1.0 + args.min_difference) * (1.0 + WANTED) - 1.0,
    };
    let attempts = rows.attempts_of_both();
    let counted = rows.counted;
    let (figures, models) = judged(&figures, &rows, &asked);
    let comparison = shown::ComparisonReport {
        a: described(&args.a, &a, counted[0]),
        b: described(&args.b, &b, counted[1]),
        paired: !matches!(a.what, RunScope::Model(_)),
        failures: FailureShares::of([&attempts[0], &attempts[1]], args.confidence),
        strata: strata(&rows),
        figures,
        models,
        asked,
    };
    if args.json {
        stdout::document(&shown::document(&comparison))?;
    } else {
        stdout::text(&shown::report(&comparison, &context.view(args.wide)))?;
    }
    warn(&comparison);
    for (side, counted) in [&a, &b].into_iter().zip(counted) {
        if counted.runs == 0 {
            let hinted = unknown_names::hint_at_model(&side.scope(), &*store).await;
            hinted.map_err(|error| read_error("reading names", error))?;
        }
    }
    verdict(&comparison)
}

/// The series of runs, by name and for the store.
fn series(args: &ResultsCompareArgs) -> (&'static str, &'static [RunSeries]) {
    match args.series {
        _ if args.published => ("published", &[RunSeries::Published]),
        RunsArg::All => ("all", &RunSeries::ALL),
        RunsArg::Published => ("published", &[RunSeries::Published]),
        RunsArg::Probe => ("probe", &[RunSeries::Probe]),
    }
}

/// The two sides, checked for compatibility.
fn both(args: &ResultsCompareArgs) -> Result<(ComparisonSide, ComparisonSide), CommandError> {
    let general = window(&args.window, Some(WEEK))?;
    let side = |name: &str, text: &str| {
        ComparisonSide::parse(text, general, &Local::now())
            .map_err(|error| CommandError::usage(format!("{name}: {error}")))
    };
    let (a, b) = (side("A", &args.a)?, side("B", &args.b)?);
    sides::check(&a, &b).map_err(|error| {
        CommandError::usage(error).hint("llmbench results compare --help shows how sides are written")
    })?;
    if a.own_window && b.own_window && (args.window.since.is_some() || args.window.to.is_some()) {
        return Err(CommandError::usage(
            "--since and --to mean nothing where both sides have a window of their own",
        ));
    }
    Ok((a, b))
}

async fn read(
    store: &dyn Store,
    sides: [&ComparisonSide; 2],
    series: &[RunSeries],
) -> Result<ComparedRows, CommandError> {
    let naming = ModelNaming::of(store, sides[0], sides[1], Utc::now()).await?;
    let mut rows = ComparedRows::default();
    for (place, side) in sides.into_iter().enumerate() {
        samples::read(store, side, series, &naming, &mut rows, place).await?;
    }
    Ok(rows)
}

/// Indexes in [`FIGURES`], each once, in their order.
fn chosen(metrics: &[MetricArg]) -> Vec<usize> {
    let named = |metric: MetricArg| match metric {
        MetricArg::All => None,
        MetricArg::Ttft => Some("ttft"),
        MetricArg::Tps => Some("tps"),
        MetricArg::VisibleTps => Some("visible_tps"),
        MetricArg::Itl => Some("itl"),
        MetricArg::Total => Some("total"),
    };
    let wanted = |figure: &ComparedMetric| {
        metrics.iter().any(|metric| named(*metric).is_none_or(|name| name == figure.key))
    };
    (0..FIGURES.len()).filter(|place| wanted(&FIGURES[*place])).collect()
}

fn described(text: &str, side: &ComparisonSide, counted: SideCounts) -> shown::SideReport {
    let SideCounts { runs, published, suspect, odd, odd_values } = counted;
    let model = match &side.what {
        RunScope::Model(model) => Some(model.model_id.clone()),
        _ => None,
    };
    let provider = side.provider().map(str::to_owned);
    shown::SideReport {
        text: text.to_owned(),
        provider,
        model,
        window: side.window,
        runs,
        published,
        suspect,
        odd,
        odd_values,
    }
}

/// The figures' answers, and every model's.
fn judged(
    figures: &[usize],
    rows: &ComparedRows,
    asked: &shown::CompareSettings,
) -> (Vec<shown::ComparedFigure>, Vec<shown::Model>) {
    let names: Vec<&String> = rows.series.keys().map(|(name, _)| name).collect();
    let mut models: BTreeMap<&String, shown::Model> = names
        .into_iter()
        .map(|name| (name, shown::Model { name: name.clone(), figures: Vec::new() }))
        .collect();
    let mut judged = Vec::new();
    for place in figures {
        let by_model = by_model(rows, *place);
        let all: Vec<SeriesSamples> = by_model.values().flatten().cloned().collect();
        let length = BlockLength::of(&all);
        let answer = compare(&all, length, asked.confidence_each);
        judged.push(shown::ComparedFigure {
            figure: &FIGURES[*place],
            real: answer.found.map(|found| found.is_real(asked.min_difference)),
            hours_to_decide: time_to_decide(
                length,
                answer.noise,
                asked.confidence_each,
                asked.decided_difference,
            ),
            answer,
        });
        for (name, series) in by_model {
            let samples = [0, 1].map(|side| series.iter().map(|one| one.sides[side].len()).sum());
            let found = compare(&series, length, asked.confidence_each).found;
            if let Some(model) = models.get_mut(name) {
                model.figures.push(shown::ModelFigure { samples, found });
            }
        }
    }
    (judged, models.into_values().collect())
}

/// The series of a figure by the name of their model.
fn by_model(rows: &ComparedRows, figure: usize) -> BTreeMap<&String, Vec<SeriesSamples>> {
    let mut found: BTreeMap<&String, Vec<SeriesSamples>> = BTreeMap::new();
    for ((name, _), series) in &rows.series {
        found.entry(name).or_default().push(series.figures[figure].clone());
    }
    for (model, series) in found.values_mut().enumerate() {
        series.iter_mut().for_each(|one| one.model = model);
    }
    found
}

/// The circumstances of runs, and which of them both sides have.
fn strata(rows: &ComparedRows) -> Vec<shown::StratumReport> {
    let mut found: BTreeMap<&RunStratum, shown::StratumReport> = BTreeMap::new();
    for ((_, stratum), series) in &rows.series {
        let one = found.entry(stratum).or_insert_with(|| shown::StratumReport {
            stratum: stratum.clone(),
            runs: [0, 0],
            compared: false,
        });
        one.runs = [one.runs[0] + series.runs[0], one.runs[1] + series.runs[1]];
        one.compared |= series.runs.iter().all(|runs| *runs > 0);
    }
    found.into_values().collect()
}

/// Prints warnings about rows that were left out.
fn warn(comparison: &shown::ComparisonReport) {
    let odd: u64 = [&comparison.a, &comparison.b].iter().map(|side| side.odd + side.odd_values).sum();
    if odd > 0 {
        print::note(&format!("{odd} rows or values are not what the data contract says, and left out"));
    }
}

fn verdict(comparison: &shown::ComparisonReport) -> Result<Exit, CommandError> {
    let judged: Vec<bool> = comparison.figures.iter().filter_map(|judged| judged.real).collect();
    match (judged.is_empty(), judged.contains(&true)) {
        (true, _) => {
            let why = shown::shortage(comparison).unwrap_or_default();
            Err(CommandError::usage(format!("too few runs to tell. {why}"))
                .hint("widen the window with --since, or see what is stored: llmbench results list"))
        }
        (_, true) => Ok(Exit::No),
        _ => Ok(Exit::Yes),
    }
}
