//! `llmbench errors`: questions about what failed.

mod fold;
mod show;
mod standing;
mod summary;
mod tail;

use crate::cli::errors::{ErrorsArgs, ErrorsCommand};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::output::{View, print};

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

/// A document for programs.
pub(super) fn document(document: &serde_json::Value) -> Result<(), CommandError> {
    data(&format!("{document:#}\n"))
}

/// Data on standard output.
pub(super) fn data(text: &str) -> Result<(), CommandError> {
    let written = print::data(text);
    written.map(drop).map_err(|error| CommandError::usage(format!("cannot write: {error}")).exit(Exit::No))
}

/// How lists are shown.
pub(super) fn view(context: &Context, wide: bool) -> View {
    View::new(context.terminal, wide)
}
