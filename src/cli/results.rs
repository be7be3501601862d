//! `llmbench results`: stored runs.

use crate::cli::errors::{ModelArgs, WindowArgs};
use clap::{Args, Subcommand};

/// Stored runs
#[derive(Debug, Args)]
pub struct ResultsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ResultsCommand,
}

/// What to do with stored runs.
#[derive(Debug, Subcommand)]
pub enum ResultsCommand {
    /// The newest runs, newest first
    List(ListArgs),
    /// One run with its timeline, or one error
    Show(ShowArgs),
}

/// The newest runs, newest first
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Which models.
    #[command(flatten)]
    pub of: ModelArgs,
    /// When.
    #[command(flatten)]
    pub window: WindowArgs,
    /// How many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub lines: u32,
    /// How many runs each model has and its newest instead, most first
    #[arg(long, conflicts_with = "lines")]
    pub counts: bool,
    /// Runs outside the published series instead
    #[arg(long)]
    pub probe: bool,
    /// One JSON document on standard output
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// CSV on standard output, in the columns of `run --csv`
    #[arg(long)]
    pub csv: bool,
    /// Every column, however wide the terminal is
    #[arg(long)]
    pub wide: bool,
}

/// One run with its timeline, or one error
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The id that `results list` prints
    #[arg(value_name = "ID")]
    pub id: String,
    /// One JSON document on standard output: the row as it is stored
    #[arg(long)]
    pub json: bool,
    /// Every stored field, too
    #[arg(short, long)]
    pub verbose: bool,
}
