//! `llmbench outbox`: shows the rows that a daemon has measured and the store does not have yet.

use crate::cli::errors::WindowArgs;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Rows between measuring and storing
#[derive(Debug, Args)]
#[command(after_help = MEANING)]
pub struct OutboxArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: OutboxCommand,
    /// The daemon's directory [env: LLMBENCH_STATE_DIR] [default: llmbench in the user's state directory]
    #[arg(long, value_name = "DIR", global = true)]
    pub state_dir: Option<PathBuf>,
}

/// The meaning of the states, printed by `--help` and the man page.
const MEANING: &str = "\
A row is pending until the store has confirmed it; quarantined where trying again cannot help, with the reason, until \
somebody looks; delivered for some days after that, so that it can be sent once more. Rows are never thrown away before \
they are delivered. Where a daemon runs it is asked; else the file is read.";

/// What to do with the outbox.
#[derive(Debug, Subcommand)]
pub enum OutboxCommand {
    /// Rows that wait or are quarantined, the newest first
    List(OutboxListArgs),
    /// One row: where it stands, and its document as it will be stored
    Show(OutboxShowArgs),
    /// Try rows again now: quarantined ones, or those that wait
    Retry(OutboxRetryArgs),
    /// Send delivered rows once more, after the store was restored from a backup; harmless where it has them
    Replay(OutboxReplayArgs),
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutboxStateArg {
    /// It waits for the store
    Pending,
    /// Trying again cannot help
    Quarantined,
    /// The store has it
    Delivered,
}

/// Rows that wait or are quarantined, the newest first
#[derive(Debug, Args)]
pub struct OutboxListArgs {
    /// Only rows in this state (repeatable) [default: pending and quarantined]
    #[arg(long = "state", value_enum, value_name = "STATE")]
    pub states: Vec<OutboxStateArg>,
    /// Number of rows of each state [default: 20 at a terminal; in a pipe, and as a document, all, up to 10000]
    #[arg(long, short_alias = 'n', alias = "lines", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: Option<u32>,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
    /// Every column, however wide the terminal is
    #[arg(long)]
    pub wide: bool,
}

/// One row: where it stands, and its document as it will be stored
#[derive(Debug, Args)]
pub struct OutboxShowArgs {
    /// A number or an id that `outbox list` prints
    #[arg(id = "row", value_name = "ROW")]
    pub id: String,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
}

/// Try rows again now: quarantined ones, or those that wait
#[derive(Debug, Args)]
pub struct OutboxRetryArgs {
    /// Numbers or ids that `outbox list` prints
    #[arg(id = "rows", value_name = "ROW", required_unless_present = "all", conflicts_with = "all")]
    pub ids: Vec<String>,
    /// All that are quarantined
    #[arg(long)]
    pub all: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
}

/// Send delivered rows once more, after the store was restored from a backup; harmless where it has them
#[derive(Debug, Args)]
#[command(mut_arg("since", |since| since.required(true)))]
pub struct OutboxReplayArgs {
    /// When the store confirmed them.
    #[command(flatten)]
    pub window: WindowArgs,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
}
