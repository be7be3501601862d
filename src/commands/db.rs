//! `llmbench db init`: prints the needs of a store, then creates the missing parts.

use crate::cli::db::{DbArgs, DbCommand, DbInitArgs};
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::stdout;
use crate::output::print;
use crate::storage::{StoreLocation, init_plan, no_database};

/// Runs `llmbench db` to its exit status.
///
/// # Errors
/// A store that cannot be opened or changed.
pub async fn run(args: DbArgs, context: Context) -> Result<Exit, CommandError> {
    let DbCommand::Init(DbInitArgs { dry_run }) = args.command;
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
