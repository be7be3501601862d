//! `llmbench errors`: queries about failures.

mod catalog_presence;
mod grouping;
mod show;
mod summary;
mod tail;

use crate::cli::errors::{ErrorsArgs, ErrorsCommand};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};

/// Runs `llmbench errors` to its exit status.
///
/// # Errors
/// A store that cannot be read, an invalid window, a failed write to standard output.
pub async fn run(args: ErrorsArgs, context: Context) -> Result<Exit, CommandError> {
    match args.command {
        ErrorsCommand::Summary(args) => summary::run(args, context).await,
        ErrorsCommand::Show(args) => show::run(args, context).await,
        ErrorsCommand::Tail(args) => tail::run(args, context).await,
    }
}
