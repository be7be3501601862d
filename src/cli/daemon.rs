//! `llmbench daemon`: measures around the clock.

use crate::cli::values;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Measure the enabled models around the clock
#[derive(Debug, Args)]
#[command(after_help = SIGNALS)]
pub struct DaemonArgs {
    /// These providers alone, separated by commas [env: BENCHMARK_PROVIDERS] [default: all; behind a bridge bedrock]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Which models")]
    pub providers: Vec<String>,
    /// Leave these providers to other daemons [env: BENCHMARK_EXCLUDED_PROVIDERS]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Which models")]
    pub exclude: Vec<String>,
    /// Name of the place it measures from: daemons of one name take turns [env: LLMBENCH_VANTAGE] [default: main; behind a
    /// bridge this machine's name]
    #[arg(long, value_name = "NAME", help_heading = "Which models")]
    pub vantage: Option<String>,

    /// Where outbox, lock and pulse are [env: LLMBENCH_STATE_DIR] [default: the user's state directory]
    #[arg(long, value_name = "DIR", help_heading = "How it runs")]
    pub state_dir: Option<PathBuf>,
    /// Longest time that measurements may go on after the first signal [default: 20s]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "How it runs")]
    pub grace: Option<Duration>,
    /// With --once: how long a store that is away is waited for before the status is 75 [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = values::duration, requires = "once", help_heading = "How it runs")]
    pub store_wait: Option<Duration>,
    /// Where /metrics, /livez and /readyz are answered, or none [env: LLMBENCH_LISTEN] [default: 127.0.0.1:9464, with
    /// --once none]
    #[arg(long, value_name = "ADDR", help_heading = "What it tells")]
    pub listen: Option<String>,
    /// Answer probes on an address that is not loopback: without TLS and without a login
    #[arg(long, help_heading = "What it tells")]
    pub plain_http: bool,
    /// Form of log lines on standard error
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, help_heading = "What it tells")]
    pub log_format: LogFormatArg,
    /// The least important lines that are written
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t, help_heading = "What it tells")]
    pub log_level: LogLevelArg,

    /// Create no missing collections and indexes at the start: `llmbench db init` does
    #[arg(long, help_heading = "How it runs")]
    pub no_init: bool,
    /// Measure what is due now, then end
    #[arg(long, help_heading = "How it runs")]
    pub once: bool,
    /// Show what is due and when, what would be tried besides, and measure nothing
    #[arg(long, conflicts_with = "once", help_heading = "How it runs")]
    pub dry_run: bool,
    /// One JSON document on standard output
    #[arg(long, requires = "dry_run", help_heading = "How it runs")]
    pub json: bool,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormatArg {
    /// Text where somebody looks, JSON where nobody does
    #[default]
    Auto,
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// How much is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogLevelArg {
    /// Problems that somebody has to mend
    Error,
    /// Events that somebody should know
    Warn,
    /// Each measurement
    #[default]
    Info,
    /// Each step
    Debug,
    /// Everything
    Trace,
}

/// The effects of signals, printed by `--help` and the man page.
const SIGNALS: &str = "\
SIGTERM or Ctrl-C: no new measurement begins, running ones may end, rows are sent to the store \
once and kept in the outbox otherwise. A second signal ends at once; nothing accepted is lost.

Cadences, concurrency, budgets and prices: the [daemon] tables of the configuration file.";
