//! `llmbench results rank`: places of models. [`super::ranked_rows`] reads the rows, `measure::ranking` has the arithmetic,
//! `output::rank` the display.

use super::ranked_rows::{RankedQuery, ReadModel};
use crate::cli::rank::{RankedMetricArg, ResultsRankArgs};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::scope::{NO_RUNNER, read_error, scope, wanted_circumstances, window};
use crate::commands::{stdout, unknown_names};
use crate::domain::nearest::did_you_mean;
use crate::measure::compare::{FIGURES, RunStratum};
use crate::measure::ranking::circumstances::{RankingCircumstances, WantedCircumstances};
use crate::measure::ranking::standings::{ModelAttempts, Ranking};
use crate::output::rank::{OtherCircumstances, RankReport, RankedModel};
use crate::output::{print, rank as shown, text};
use crate::storage::Store;
use crate::storage::history::{HistoryFilter, RunSeries};
use chrono::{Duration, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// The default window.
const WEEK: Duration = Duration::days(7);

/// Runs `llmbench results rank` to its exit status.
///
/// # Errors
/// Status 2 for an invalid window and circumstances of which nothing is stored, 75 for an unreachable store.
pub async fn run(args: ResultsRankArgs, context: Context) -> Result<Exit, CommandError> {
    let scope = scope(&args.of, window(&args.window, Some(WEEK))?)?;
    let store = context.open_store().await?;
    unknown_names::provider(&scope, &context, &*store).await?;
    let report = ranked(&args, &scope, &context, &*store).await?;
    if args.json {
        stdout::document(&shown::document(&report))?;
    } else if args.csv {
        stdout::text(&shown::sheet(&report).map_err(CommandError::usage)?)?;
    } else if report.models.is_empty() {
        nothing(&args, &scope, &*store).await?;
    } else {
        stdout::text(&shown::report(&report, &context.view(args.wide)))?;
    }
    Ok(Exit::Yes)
}

async fn ranked(
    args: &ResultsRankArgs,
    scope: &HistoryFilter,
    context: &Context,
    store: &dyn Store,
) -> Result<RankReport, CommandError> {
    let series: &[RunSeries] = if args.published { &[RunSeries::Published] } else { &RunSeries::ALL };
    let (place, now) = (figure(args.metric), Utc::now());
    let query = RankedQuery { scope, series, figure: place, now };
    let rows = query.read(store).await?;
    if rows.odd > 0 {
        print::note(&format!(
            "{} rows or values are not what the data contract says, and left out",
            rows.odd
        ));
    }
    let named = |(model, read): (&_, &ReadModel)| RankedModel {
        lane: read.lane(model, query.end()),
        model: model.clone(),
    };
    let models: Vec<RankedModel> = rows.models.iter().map(named).collect();
    let attempts: Vec<ModelAttempts> = rows.models.into_values().map(|read| read.attempts).collect();
    let wanted = wanted_circumstances(args.profile.as_deref(), args.connection, &args.runner, context);
    check(&attempts, &wanted)?;
    let ranking = Ranking::of(&attempts, &wanted, FIGURES[place].better);
    Ok(RankReport {
        as_of: now,
        window: scope.window,
        series: if args.published { "published" } else { "all" },
        figure: &FIGURES[place],
        others: others(&attempts, &ranking.circumstances),
        ranking,
        models,
    })
}

/// The index of a figure in [`FIGURES`].
fn figure(metric: RankedMetricArg) -> usize {
    let key = match metric {
        RankedMetricArg::Ttft => "ttft",
        RankedMetricArg::Tps => "tps",
        RankedMetricArg::VisibleTps => "visible_tps",
        RankedMetricArg::Itl => "itl",
        RankedMetricArg::Total => "total",
    };
    FIGURES.iter().position(|figure| figure.key == key).unwrap_or(0)
}

/// Refuses circumstances of which there is no run at all, because a name may be mistyped.
fn check(models: &[ModelAttempts], wanted: &WantedCircumstances) -> Result<(), CommandError> {
    let strata: BTreeSet<&RunStratum> = models.iter().flat_map(|model| model.series.keys()).collect();
    if strata.is_empty() {
        return Ok(());
    }
    let known = |part: fn(&RunStratum) -> &Option<String>| -> BTreeSet<&Option<String>> {
        strata.iter().map(|stratum| part(stratum)).collect()
    };
    let profiles =
        wanted.profile.iter().map(|name| ("profile", Some(name.clone()), known(|one| &one.profile)));
    let connections =
        wanted.connection.iter().map(|name| ("connection", Some(name.clone()), known(|one| &one.connection)));
    let runners = wanted.runners.iter().map(|name| ("runner", name.clone(), known(|one| &one.runner)));
    let mut asked = profiles.chain(connections).chain(runners);
    match asked.find(|(_, name, known)| !known.contains(name)) {
        None => Ok(()),
        Some((what, name, known)) => {
            let name = name.unwrap_or_else(|| NO_RUNNER.to_owned());
            let names: Vec<&str> = known.iter().map(|one| one.as_deref().unwrap_or(NO_RUNNER)).collect();
            let near = did_you_mean(&name, names.iter().copied());
            let names: Vec<String> = names.into_iter().map(text::escape).collect();
            let said = format!("no run of {what} `{}` is stored in this window{near}", text::escape(&name));
            Err(CommandError::usage(said).hint(format!("there are runs of {}", names.join(", "))))
        }
    }
}

/// The circumstances with runs that are not counted, those of the most models first.
fn others(models: &[ModelAttempts], counted: &RankingCircumstances) -> Vec<OtherCircumstances> {
    let mut found: BTreeMap<&RunStratum, usize> = BTreeMap::new();
    for model in models {
        let series =
            model.series.iter().filter(|(stratum, runs)| !runs.samples.is_empty() && !counted.holds(stratum));
        series.for_each(|(stratum, _)| *found.entry(stratum).or_default() += 1);
    }
    let mut others: Vec<OtherCircumstances> = found
        .into_iter()
        .map(|(stratum, models)| OtherCircumstances { stratum: stratum.clone(), models })
        .collect();
    others.sort_by_key(|one| std::cmp::Reverse(one.models));
    others
}

/// Says that nothing fits, and what may be meant.
async fn nothing(
    args: &ResultsRankArgs,
    scope: &HistoryFilter,
    store: &dyn Store,
) -> Result<(), CommandError> {
    let week = if args.window.since.is_none() { " of the last 7 days" } else { "" };
    print::note(&format!("no attempt{week} is stored that fits"));
    let hinted = unknown_names::hint_at_model(scope, store).await;
    hinted.map_err(|error| read_error("reading names", error))
}
