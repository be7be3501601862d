//! `llmbench ingest`: the bridge. Its keys are in `ingest_key`.

mod serve;

use crate::cli::ingest::{IngestArgs, IngestCommand};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::ingest_key;

/// Runs `llmbench ingest` to its exit status.
///
/// # Errors
/// An address, certificate, key or store that cannot be used.
pub async fn run(args: IngestArgs, context: Context) -> Result<Exit, CommandError> {
    match args.command {
        IngestCommand::Key(args) => ingest_key::run(args, context).await,
        IngestCommand::Serve(args) => serve::run(args, context).await,
    }
}
