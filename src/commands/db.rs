//! `llmbench db init`: prints the needs of a store, then creates the missing parts. `llmbench db refresh`: judges every
//! model anew, and counts its lanes.

use crate::cli::db::{DbArgs, DbCommand, DbInitArgs, DbRefreshArgs};
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::stdout;
use crate::output::lifecycle::{lifecycle_json, lifecycle_lines};
use crate::output::print;
use crate::storage::lifecycle::{self, AttemptWindows};
use crate::storage::rankings::{self, RankingWindows};
use crate::storage::{StoreLocation, init_plan, no_database};

/// Runs `llmbench db` to its exit status.
///
/// # Errors
/// A store that cannot be opened or changed.
pub async fn run(args: DbArgs, context: Context) -> Result<Exit, CommandError> {
    match args.command {
        DbCommand::Init(DbInitArgs { dry_run }) => init(dry_run, &context).await,
        DbCommand::Refresh(DbRefreshArgs { json }) => refresh(json, &context).await,
    }
}

/// Judges every model anew, and prints how many are in which state.
async fn refresh(json: bool, context: &Context) -> Result<Exit, CommandError> {
    let store = context.open_store().await?;
    let failed = |error| store_error("db refresh", error);
    let now = store.server_time().await.map_err(failed)?;
    let states = lifecycle::refresh(store.as_ref(), &mut AttemptWindows::default(), now).await;
    let states = states.map_err(failed)?;
    rankings::refresh(store.as_ref(), &mut RankingWindows::default(), now).await.map_err(failed)?;
    let states: Vec<(&str, u64)> = states.into_iter().map(|(state, count)| (state.as_str(), count)).collect();
    stdout::text(&if json { lifecycle_json(&states, now) } else { lifecycle_lines(&states) })?;
    Ok(Exit::Yes)
}

async fn init(dry_run: bool, context: &Context) -> Result<Exit, CommandError> {
    let location = context.store_location()?.value;
    if let StoreLocation::Bridge(url) = &location {
        return Err(store_error("db init", no_database(url)));
    }
    let store = if dry_run { None } else { Some(context.open_store().await?) };
    let plan = init_plan(&location, &context.names());
    let lines: String = plan.iter().map(|line| format!("{line}\n")).collect();
    stdout::text(&lines)?;
    if let Some(store) = store {
        store.init().await.map_err(|error| store_error("db init", error))?;
        print::note(&format!("{} has all of it", store.describe()));
    }
    Ok(Exit::Yes)
}
