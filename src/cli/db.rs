//! `llmbench db`: prepares a store.

use clap::{Args, Subcommand};

/// The store's tables, collections and indexes
#[derive(Debug, Args)]
pub struct DbArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: DbCommand,
}

/// What to do with the store.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Create what is missing, after printing it; what exists is left alone
    Init(DbInitArgs),
}

/// Create what is missing, after printing it
#[derive(Debug, Args)]
pub struct DbInitArgs {
    /// Print what a store of this kind needs; open and create nothing
    #[arg(long)]
    pub dry_run: bool,
}
