//! `llmbench results`: stored runs: the newest, one of them, many of them, a comparison of two sides, places of models,
//! pairs of cold and warm requests, or figures computed again, of stored runs and of somebody's export.

mod changes;
mod compare;
mod cost;
mod export;
mod export_receipts;
mod incidents;
mod pairs;
mod rank;
mod ranked_rows;
mod recompute;
mod samples;
mod sides;
mod stored_attempts;
mod verify;

use crate::cli::results::{ResultsArgs, ResultsCommand, ResultsListArgs, ResultsShowArgs};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::list_limit::ListLimit;
use crate::commands::scope::{read_error, scope, window};
use crate::commands::{stdout, unknown_names};
use crate::output::run_counts::{self, RunCount};
use crate::output::terminal::{Terminal, TerminalEnv};
use crate::output::{print, run_details, runs};
use crate::settings::Env;
use crate::storage::Store;
use crate::storage::history::{HistoryFilter, RunSeries, newest_runs};
use std::collections::BTreeMap;

/// Default number of runs at a terminal.
const SCREENFUL: u32 = 20;

/// Runs `llmbench results` to its exit status. Makes a context where one is needed.
///
/// # Errors
/// A store that cannot be read, an invalid window, a failed write to standard output; status 1 for an unknown id.
pub async fn run(
    args: ResultsArgs,
    env: &Env,
    context: impl FnOnce() -> Result<Context, CommandError>,
) -> Result<Exit, CommandError> {
    match args.command {
        ResultsCommand::List(args) => list(args, context()?).await,
        ResultsCommand::Show(args) => show(args, context()?).await,
        ResultsCommand::Export(args) => export::run(args, context()?).await,
        ResultsCommand::Compare(args) => compare::run(args, context()?).await,
        ResultsCommand::Changes(args) => changes::run(args, context()?).await,
        ResultsCommand::Rank(args) => rank::run(args, context()?).await,
        ResultsCommand::Pairs(args) => pairs::run(args, context()?).await,
        ResultsCommand::Cost(args) => cost::run(args, context()?).await,
        ResultsCommand::Recompute(args) => recompute::run(args, context()?).await,
        // Whoever checks somebody's figures needs no configuration and no store.
        ResultsCommand::Verify(args) => {
            let wishes = TerminalEnv::read(|name| env.get(name).map(str::to_owned));
            verify::run(&args, Terminal::detect(wishes))
        }
    }
}

async fn list(args: ResultsListArgs, context: Context) -> Result<Exit, CommandError> {
    let scope = scope(&args.of, window(&args.window, None)?)?;
    let store = context.open_store().await?;
    unknown_names::provider(&scope, &context, &*store).await?;
    let series: &[RunSeries] = match (args.published, args.probe) {
        (true, _) => &[RunSeries::Published],
        (_, true) => &[RunSeries::Probe],
        _ => &RunSeries::ALL,
    };
    if args.counts {
        return counts(&args, &scope, series, &*store, &context).await;
    }
    let length = ListLimit::new(args.limit, SCREENFUL, args.json || args.csv, &context.terminal);
    let found = newest_runs(&*store, &scope, series, length.wanted()).await;
    let mut found: Vec<_> = found
        .map_err(|error| read_error("reading runs", error))?
        .into_iter()
        .map(|(series, run)| runs::ListedRun { run, published: series == RunSeries::Published })
        .collect();
    let cut = length.cut(&mut found);
    if args.json {
        stdout::document(&runs::document(&found))?;
    } else if args.csv {
        stdout::text(&runs::sheet(&found).map_err(CommandError::usage)?)?;
    } else if found.is_empty() {
        nothing_fits(&scope, series, &*store).await?;
    } else {
        stdout::text(&runs::list(&found, &context.view(args.wide)))?;
    }
    if cut {
        length.say_cut("llmbench results export writes all");
    }
    Ok(Exit::Yes)
}

/// Prints that no run matches, and a hint: the other series, or a similar name.
async fn nothing_fits(
    scope: &HistoryFilter,
    series: &[RunSeries],
    store: &dyn Store,
) -> Result<(), CommandError> {
    print::note(&format!("no run is stored that fits{}", elsewhere(scope, series, store).await?));
    unknown_names::hint_at_model(scope, store).await.map_err(|error| read_error("reading names", error))
}

/// A hint about runs of the other series; empty if there are none.
async fn elsewhere(
    scope: &HistoryFilter,
    series: &[RunSeries],
    store: &dyn Store,
) -> Result<&'static str, CommandError> {
    let left_out: Vec<RunSeries> = RunSeries::ALL.into_iter().filter(|one| !series.contains(one)).collect();
    let found = newest_runs(store, scope, &left_out, 1).await;
    let found = found.map_err(|error| read_error("reading runs", error))?;
    Ok(match found.first() {
        None => "",
        Some((RunSeries::Probe, _)) => "; there are some outside the published series: leave --published out",
        Some((RunSeries::Published, _)) => "; there are some in the published series",
    })
}

async fn counts(
    args: &ResultsListArgs,
    scope: &HistoryFilter,
    series: &[RunSeries],
    store: &dyn Store,
    context: &Context,
) -> Result<Exit, CommandError> {
    let mut found: BTreeMap<_, RunCount> = BTreeMap::new();
    for one in series {
        let counted = store.successes(scope, true, &[*one]).await;
        for counted in counted.map_err(|error| read_error("counting runs", error))? {
            let (provider, model) = (counted.provider, counted.model);
            let published = if *one == RunSeries::Published { counted.count } else { 0 };
            let sum = found.entry((provider.clone(), model.clone())).or_insert_with(|| RunCount {
                provider,
                model,
                runs: 0,
                published: 0,
                newest: None,
            });
            (sum.runs, sum.published) = (sum.runs + counted.count, sum.published + published);
            sum.newest = sum.newest.max(counted.newest);
        }
    }
    let mut found: Vec<RunCount> = found.into_values().collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.runs));
    if args.json {
        stdout::document(&run_counts::document(&found))?;
    } else if args.csv {
        stdout::text(&run_counts::sheet(&found).map_err(CommandError::usage)?)?;
    } else if found.is_empty() {
        nothing_fits(scope, series, store).await?;
    } else {
        stdout::text(&run_counts::list(&found, &context.view(args.wide)))?;
    }
    Ok(Exit::Yes)
}

async fn show(args: ResultsShowArgs, context: Context) -> Result<Exit, CommandError> {
    let store = context.open_store().await?;
    let failed = |error| read_error("reading runs", error);
    let view = context.view(args.verbose);
    if let Some(run) = store.run(&args.id).await.map_err(failed)? {
        match args.json {
            true => stdout::document(&run_details::document("success", &run))?,
            false => stdout::text(&run_details::run(&run, &view))?,
        }
    } else if let Some(error) = store.error(&args.id).await.map_err(failed)? {
        match args.json {
            true => stdout::document(&run_details::document("failure", &error))?,
            false => stdout::text(&run_details::error(&error, &view))?,
        }
    } else {
        return Err(CommandError::usage(format!("no run or error has the id `{}`", args.id.escape_debug()))
            .exit(Exit::No)
            .hint("take one from: llmbench results list"));
    }
    Ok(Exit::Yes)
}
