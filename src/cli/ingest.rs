//! `llmbench ingest`: the bridge through which remote runners post.

use crate::cli::ingest_key;
use clap::{Args, Subcommand};

/// The bridge: runners post results over HTTP, without access to the database
#[derive(Debug, Args)]
pub struct IngestArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: IngestCommand,
}

/// What to do with the bridge.
#[derive(Debug, Subcommand)]
pub enum IngestCommand {
    /// Keys of remote runners
    Key(ingest_key::KeyArgs),
}
