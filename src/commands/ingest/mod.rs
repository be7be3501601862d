//! `llmbench ingest`: the bridge.

mod log;
mod serve;

use crate::cli::ingest::{IngestArgs, IngestCommand};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};

/// Runs the command.
///
/// # Errors
/// An address, certificate, key or store that cannot be used.
pub async fn run(args: IngestArgs, context: Context) -> Result<Exit, CommandError> {
    match args.command {
        IngestCommand::Serve(args) => serve::run(args, context).await,
    }
}
