//! `llmbench catalog`: reads, compares and shows providers' lists.

mod diff;
mod list;
pub mod notify;
mod pick;
mod router_endpoints;
mod stored_listings;
pub mod sync;

pub use stored_listings::StoredListings;

use crate::cli::catalog::{CatalogArgs, CatalogCommand};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};

/// Runs `llmbench catalog` to its exit status.
///
/// # Errors
/// Wrong usage, or a store that cannot be used.
pub async fn run(args: CatalogArgs, context: Context) -> Result<Exit, CommandError> {
    match args.command {
        CatalogCommand::Sync(args) => sync::run(args, context).await,
        // As in diff(1), any failure to compare is status 2.
        CatalogCommand::Diff(args) if args.pick.is_some() => diff::run(args, context).await,
        CatalogCommand::Diff(args) => diff::run(args, context).await.map_err(trouble),
        CatalogCommand::List(args) => list::run(args, context).await,
    }
}

fn trouble(error: CommandError) -> CommandError {
    if error.exit == Exit::Interrupted { error } else { error.exit(Exit::Usage) }
}
