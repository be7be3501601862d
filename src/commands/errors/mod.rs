//! `llmbench errors`: questions about what failed.

mod catalog_presence;
mod grouping;
mod show;
mod summary;
mod tail;

use crate::cli::errors::{ErrorsArgs, ErrorsCommand};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};

/// Runs the command.
///
/// # Errors
/// A store that cannot be read, a window that is none, standard output that takes no more.
pub async fn run(args: ErrorsArgs, context: Context) -> Result<Exit, CommandError> {
    match args.command {
        ErrorsCommand::Summary(args) => summary::run(args, context).await,
        ErrorsCommand::Show(args) => show::run(args, context).await,
        ErrorsCommand::Tail(args) => tail::run(args, context).await,
    }
}
