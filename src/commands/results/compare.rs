//! `llmbench results compare`: compares two models, providers or windows. [`super::samples`] reads the rows,
//! `measure::compare` has the arithmetic, `output::compare` the display.

use super::samples::{self, BlocksByModel, ModelNaming, SideCounts};
use super::sides::{self, ComparisonSide, RunScope};
use crate::cli::results::{MetricArg, ResultsCompareArgs, RunsArg};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::scope::{read_error, window};
use crate::commands::{stdout, unknown_names};
use crate::measure::compare::{ComparedMetric, FIGURES, ROUGH, SEED, SampleBlock, compare};
use crate::output::{compare as shown, print};
use crate::storage::Store;
use crate::storage::history::RunSeries;
use chrono::{Duration, Local};

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
    let (counted, blocks) = read(&*store, [&a, &b], series).await?;
    let figures = chosen(&args.metric);
    let asked = shown::CompareSettings {
        series: name,
        confidence: args.confidence,
        // Splits the allowed rate of false alarms among the figures.
        confidence_each: 1.0 - (1.0 - args.confidence) / figures.len() as f64,
        min_difference: args.min_difference,
        seed: SEED,
    };
    let comparison = shown::ComparisonReport {
        a: described(&args.a, &a, counted[0]),
        b: described(&args.b, &b, counted[1]),
        paired: !matches!(a.what, RunScope::Model(_)),
        figures: judged(&figures, &blocks, &asked),
        models: models(&figures, blocks),
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
    [a, b]: [&ComparisonSide; 2],
    series: &[RunSeries],
) -> Result<([SideCounts; 2], BlocksByModel), CommandError> {
    let naming = ModelNaming::of(store, a, b).await?;
    let mut blocks = BlocksByModel::new();
    let of_a = samples::read(store, a, series, &naming, &mut blocks, |block| &mut block.a).await?;
    let of_b = samples::read(store, b, series, &naming, &mut blocks, |block| &mut block.b).await?;
    for block in blocks.values_mut().flatten() {
        block.a.sort_unstable_by(f64::total_cmp);
        block.b.sort_unstable_by(f64::total_cmp);
    }
    Ok(([of_a, of_b], blocks))
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

fn judged(
    figures: &[usize],
    blocks: &BlocksByModel,
    asked: &shown::CompareSettings,
) -> Vec<shown::ComparedFigure> {
    let judge = |place: &usize| {
        let of_figure: Vec<SampleBlock> = blocks.values().map(|blocks| blocks[*place].clone()).collect();
        let found = compare(&of_figure, asked.confidence_each, asked.seed);
        let real = found.map(|found| found.is_real(asked.min_difference));
        shown::ComparedFigure { figure: &FIGURES[*place], found, real }
    };
    figures.iter().map(judge).collect()
}

fn models(figures: &[usize], blocks: BlocksByModel) -> Vec<shown::Model> {
    let model = |(name, mut blocks): (String, Vec<SampleBlock>)| {
        let figures = figures.iter().map(|place| std::mem::take(&mut blocks[*place])).collect();
        shown::Model { name, figures }
    };
    blocks.into_iter().map(model).collect()
}

/// Prints warnings about weak evidence.
fn warn(comparison: &shown::ComparisonReport) {
    let few: Vec<String> = comparison
        .figures
        .iter()
        .filter_map(|judged| {
            Some((judged.figure, judged.found.filter(|found| found.n_a.min(found.n_b) < ROUGH)?))
        })
        .map(|(figure, found)| format!("{} ({} and {} runs)", figure.title, found.n_a, found.n_b))
        .collect();
    if !few.is_empty() {
        print::note(&format!("fewer than {ROUGH} runs on a side make a rough interval: {}", few.join(", ")));
    }
    let odd: u64 = [&comparison.a, &comparison.b].iter().map(|side| side.odd + side.odd_values).sum();
    if odd > 0 {
        print::note(&format!("{odd} rows or values are not what the data contract says, and left out"));
    }
}

fn verdict(comparison: &shown::ComparisonReport) -> Result<Exit, CommandError> {
    let judged: Vec<bool> = comparison.figures.iter().filter_map(|judged| judged.real).collect();
    match (judged.is_empty(), judged.contains(&true)) {
        (true, _) => Err(CommandError::usage(
            "too few runs to tell: a model counts with 5 runs on either side, suspect ones left out",
        )
        .hint("widen the window with --since, or see what is stored: llmbench results list")),
        (_, true) => Ok(Exit::No),
        _ => Ok(Exit::Yes),
    }
}
