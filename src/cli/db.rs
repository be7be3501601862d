//! `llmbench db`: prepares a store, and derives anew what is derived.

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
    /// Judge anew where every model is in its lifecycle (model_status), as a daemon does hourly
    Refresh(DbRefreshArgs),
}

/// Judge anew where every model is in its lifecycle (model_status), as a daemon does hourly
#[derive(Debug, Args)]
pub struct DbRefreshArgs {
    /// One JSON document: the number of models by state
    #[arg(long)]
    pub json: bool,
}

/// Create what is missing, after printing it
#[derive(Debug, Args)]
pub struct DbInitArgs {
    /// Print what a store of this kind needs; open and create nothing
    #[arg(long)]
    pub dry_run: bool,
}
