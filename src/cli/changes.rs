//! `llmbench results changes`: changes of measured series.

use crate::cli::errors::ModelArgs;
use clap::{Args, Subcommand};

/// Changes of measured series: when, by how much, why; open ones and those of the last 30 days unless --since says else
#[derive(Debug, Args)]
#[command(after_help = CHANGED, args_conflicts_with_subcommands = true)]
pub struct ResultsChangesArgs {
    /// What else to do.
    #[command(subcommand)]
    pub command: Option<ResultsChangesCommand>,
    /// Which models.
    #[command(flatten)]
    pub of: ModelArgs,
    /// Open changes, and those that began since then: 24h, 7d, 2w, 2026-11-01 or RFC 3339
    #[arg(long, value_name = "TIME", conflicts_with = "all")]
    pub since: Option<String>,
    /// Only changes that are open: not over, and begun less than 28 days ago
    #[arg(long, conflicts_with = "all")]
    pub open: bool,
    /// Changes of all time
    #[arg(long)]
    pub all: bool,
    /// Hours to three days in which a series was elsewhere and which ended by themselves, in the place of changes
    #[arg(long, conflicts_with = "open")]
    pub incidents: bool,
    /// One change with a chart of its series and all that is stored beside it
    #[arg(long, value_name = "CHANGE", conflicts_with_all = ["since", "open", "all", "incidents", "provider", "model"])]
    pub explain: Option<String>,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
    /// Every column, however wide the terminal is
    #[arg(long)]
    pub wide: bool,
    /// No progress and no notes; errors still appear, on standard error
    #[arg(short, long)]
    pub quiet: bool,
}

/// What else to do with changes.
#[derive(Debug, Subcommand)]
pub enum ResultsChangesCommand {
    /// Note that somebody has seen a change
    Ack(ResultsChangesAckArgs),
}

/// Note that somebody has seen a change
#[derive(Debug, Args)]
pub struct ResultsChangesAckArgs {
    /// The id that `results changes` prints
    #[arg(value_name = "CHANGE")]
    pub change: String,
    /// A note to keep with it
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// An explanation of changes, printed by `--help` and the man page.
pub const CHANGED: &str = "\
A series is one model as one runner measures it, with one profile, over one kind of connection. A change is a step of its \
TTFT or of its tokens per second that stays; EFFECT is its size with the interval that holds the true one with 95 %, and \
BETWEEN the time in which it began. STATE is open while it may go back, and until… where it did; one that lasted for 28 \
days has stayed; of a silent series nobody knows. The line under it says what else that is stored changed \
at that time. Series are judged by medians of 3 hours, and need 17 days of them. A swap is another value of what \
answers say, another length of answers at temperature 0, or another answer of a canary.

Incidents are too short to be changes and are never mailed: at least 6 hours and a quarter slower or faster. One series alone \
shows one by chance once in about 300 months; a smaller one is listed where other series saw it.

Brings the blocks of 3 hours up to date from stored rows first, which takes minutes where a large store has none; a daemon \
beside the store keeps them so.

  llmbench results changes --since 7d --provider groq
  llmbench results changes --incidents --since 7d
  llmbench results changes --explain 0f1e2d3c4b
  llmbench results changes ack 0f1e2d3c4b --note 'told them'";
