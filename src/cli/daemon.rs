//! `llmbench daemon`: measuring around the clock.

use crate::cli::values;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Measure the enabled models around the clock
#[derive(Debug, Args)]
#[command(after_help = SIGNALS)]
pub struct DaemonArgs {
    /// These providers alone, separated by commas [env: BENCHMARK_PROVIDERS] [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Which models")]
    pub providers: Vec<String>,
    /// Leave these providers to other daemons [env: BENCHMARK_EXCLUDED_PROVIDERS]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Which models")]
    pub exclude: Vec<String>,
    /// Name of the place it measures from: daemons of one name take turns [env: LLMBENCH_VANTAGE] [default: main]
    #[arg(long, value_name = "NAME", help_heading = "Which models")]
    pub vantage: Option<String>,

    /// Where outbox, lock and pulse are [env: LLMBENCH_STATE_DIR] [default: the user's state directory]
    #[arg(long, value_name = "DIR", help_heading = "How it runs")]
    pub state_dir: Option<PathBuf>,
    /// How long measurements may go on after the first signal [default: 20s]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "How it runs")]
    pub grace: Option<Duration>,
    /// Measure what is due now, then end
    #[arg(long, help_heading = "How it runs")]
    pub once: bool,
    /// Show what is due and when, and measure nothing
    #[arg(long, conflicts_with = "once", help_heading = "How it runs")]
    pub dry_run: bool,
}

/// What signals do, as `--help` and the man page print it.
const SIGNALS: &str = "\
SIGTERM or Ctrl-C: no new measurement begins, running ones may end, rows are sent to the store
once and kept in the outbox otherwise. A second signal ends at once; nothing accepted is lost.

Cadences, concurrency, budgets and prices: the [daemon] tables of the configuration file.";
