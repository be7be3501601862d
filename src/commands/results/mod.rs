//! `llmbench results`: stored runs: the newest ones, one of them, many of them, two sides of them.

mod compare;
mod export;
mod samples;
mod sides;

use crate::cli::results::{ListArgs, ResultsArgs, ResultsCommand, ShowArgs};
use crate::commands::context::Context;
use crate::commands::data;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::known;
use crate::commands::scope::{read_error, scope, window};
use crate::output::run_counts::{self, RunCount};
use crate::output::{print, run_story, runs};
use crate::storage::Store;
use crate::storage::history::{Scope, Series};

/// Runs the command.
///
/// # Errors
/// A store that cannot be read, a window that is none, standard output that takes no more; status 1 for an unknown id.
pub async fn run(args: ResultsArgs, context: Context) -> Result<Exit, CommandError> {
    match args.command {
        ResultsCommand::List(args) => list(args, context).await,
        ResultsCommand::Show(args) => show(args, context).await,
        ResultsCommand::Export(args) => export::run(args, context).await,
        ResultsCommand::Compare(args) => compare::run(args, context).await,
    }
}

async fn list(args: ListArgs, context: Context) -> Result<Exit, CommandError> {
    let scope = scope(&args.of, window(&args.window, None)?)?;
    let store = context.open_store().await?;
    known::provider(&scope, &context, &*store).await?;
    let series = if args.probe { Series::Probe } else { Series::Published };
    if args.counts {
        return counts(&args, &scope, series, &*store, &context).await;
    }
    let found = store.runs(&scope, series, args.lines).await;
    let found = found.map_err(|error| read_error("reading runs", error))?;
    if args.json {
        data::document(&runs::document(&found))?;
    } else if args.csv {
        data::text(&runs::sheet(&found).map_err(CommandError::usage)?)?;
    } else if found.is_empty() {
        let hint = if args.probe { "" } else { "; --probe lists those outside the published series" };
        print::note(&format!("no run is stored that fits{hint}"));
        known::hint_at_model(&scope, &*store).await.map_err(|error| read_error("reading names", error))?;
    } else {
        data::text(&runs::list(&found, &context.view(args.wide)))?;
    }
    Ok(Exit::Yes)
}

async fn counts(
    args: &ListArgs,
    scope: &Scope,
    series: Series,
    store: &dyn Store,
    context: &Context,
) -> Result<Exit, CommandError> {
    let found = store.successes(scope, true, &[series]).await;
    let mut found: Vec<RunCount> = found
        .map_err(|error| read_error("counting runs", error))?
        .into_iter()
        .map(|one| RunCount { provider: one.provider, model: one.model, runs: one.count, newest: one.newest })
        .collect();
    found.sort_by(|one, other| {
        other
            .runs
            .cmp(&one.runs)
            .then_with(|| (&one.provider, &one.model).cmp(&(&other.provider, &other.model)))
    });
    if args.json {
        data::document(&run_counts::document(&found))?;
    } else if args.csv {
        data::text(&run_counts::sheet(&found).map_err(CommandError::usage)?)?;
    } else if found.is_empty() {
        print::note("no run is stored that fits");
        known::hint_at_model(scope, store).await.map_err(|error| read_error("reading names", error))?;
    } else {
        data::text(&run_counts::list(&found, &context.view(args.wide)))?;
    }
    Ok(Exit::Yes)
}

async fn show(args: ShowArgs, context: Context) -> Result<Exit, CommandError> {
    let store = context.open_store().await?;
    let failed = |error| read_error("reading runs", error);
    let view = context.view(args.verbose);
    if let Some(run) = store.run(&args.id).await.map_err(failed)? {
        match args.json {
            true => data::document(&run_story::document("success", &run))?,
            false => data::text(&run_story::run(&run, &view))?,
        }
    } else if let Some(error) = store.error(&args.id).await.map_err(failed)? {
        match args.json {
            true => data::document(&run_story::document("failure", &error))?,
            false => data::text(&run_story::error(&error, &view))?,
        }
    } else {
        return Err(CommandError::usage(format!("no run or error has the id `{}`", args.id.escape_debug()))
            .exit(Exit::No)
            .hint("take one from: llmbench results list"));
    }
    Ok(Exit::Yes)
}
