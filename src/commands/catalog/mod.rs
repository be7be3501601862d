//! `llmbench catalog`: what providers list, read, compared and shown.

mod diff;
mod list;
pub mod notify;
mod sync;

use crate::cli::catalog::{CatalogArgs, CatalogCommand};
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::domain::listing::{CatalogRow, MeasuredModel, ReadRow};
use crate::output::print;
use crate::storage::Store;
use serde_json::Value;

/// Runs the command.
///
/// # Errors
/// Wrong usage, or a store that cannot be used.
pub async fn run(args: CatalogArgs, context: Context) -> Result<Exit, CommandError> {
    match args.command {
        CatalogCommand::Sync(args) => sync::run(args, context).await,
        // Like diff(1): whatever keeps it from comparing is trouble.
        CatalogCommand::Diff(args) => diff::run(args, context).await.map_err(trouble),
        CatalogCommand::List(args) => list::run(args, context).await,
    }
}

fn trouble(error: CommandError) -> CommandError {
    if error.exit == Exit::Interrupted { error } else { error.exit(Exit::Usage) }
}

/// All that a store knows about lists, of some providers or of all.
struct Known {
    rows: Vec<CatalogRow>,
    reads: Vec<ReadRow>,
    measured: Vec<MeasuredModel>,
}

impl Known {
    async fn load(store: &dyn Store, providers: &[String]) -> Result<Self, CommandError> {
        // One provider is asked for in the database; a choice of several is made here.
        let one = if let [one] = providers { Some(one.as_str()) } else { None };
        let loaded = async {
            Ok(Self {
                rows: store.listed(one).await?,
                reads: store.list_reads(one).await?,
                measured: store.measured_models().await?,
            })
        };
        let mut known = loaded.await.map_err(|error| store_error("catalog", error))?;
        let wanted = |provider: &String| providers.is_empty() || providers.contains(provider);
        known.rows.retain(|row| wanted(&row.provider));
        known.reads.retain(|read| wanted(&read.provider));
        known.measured.retain(|entry| wanted(&entry.model.provider));
        Ok(known)
    }
}

/// Refuses providers that neither the table of hosts nor the store knows.
fn check_providers(providers: &[String], known: &Known, context: &Context) -> Result<(), CommandError> {
    for name in providers {
        let listed = known.rows.iter().any(|row| row.provider == *name);
        if !listed && let Err(unknown) = context.settings.hosts.find(name) {
            return Err(CommandError::usage(unknown));
        }
    }
    Ok(())
}

fn print_json(document: &Value) -> Result<(), CommandError> {
    print_text(&format!("{document:#}\n"))
}

fn print_text(text: &str) -> Result<(), CommandError> {
    print::data(text)
        .map(drop)
        .map_err(|error| CommandError::usage(format!("standard output: {error}")).exit(Exit::No))
}
