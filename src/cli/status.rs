//! `llmbench status`: shows the state of measuring.

use crate::cli::values;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// State of the measuring: problems first, then every provider, daemons and lanes
///
/// Reads the store, and the pulse of this machine's daemon where there is one. Needs no daemon.
#[derive(Debug, Args)]
#[command(after_help = STATUS)]
pub struct StatusArgs {
    /// This provider alone (repeatable)
    #[arg(short, long = "provider", value_name = "NAME")]
    pub providers: Vec<String>,
    /// One JSON document on standard output; with --watch one line each time
    #[arg(long)]
    pub json: bool,
    /// Judge and print the reasons alone, one a line: the health check of a container. Where a daemon's pulse is in the
    /// state directory it alone is judged, and the store is not asked
    #[arg(long, conflicts_with = "watch")]
    pub check: bool,
    /// With --check: also judge what the store knows, other daemons and remote runners among it, where a pulse is here
    #[arg(long, requires = "check")]
    pub fleet: bool,
    /// Refresh every 2 seconds, or as often as said, until interrupted; at a terminal of 60 columns or more a full-screen view
    /// with keys (? shows them)
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "2", value_parser = values::duration)]
    pub watch: Option<Duration>,
    /// With --watch: no full-screen view, but the same report again and again
    #[arg(long, requires = "watch")]
    pub plain: bool,
    /// Every column and every heartbeat, whole, however wide the terminal is
    #[arg(long)]
    pub wide: bool,
    /// Where this machine's daemon keeps its pulse [env: LLMBENCH_STATE_DIR] [default: the user's state directory]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}

const STATUS: &str = "\
ON are the enabled models. Of these FRESH are measured in time, STALE not for more than 1.5 times their cadence, CRITICAL \
not for more than 3 times, NEVER not once. PROBING are under admission, OFF all others. RUNS and FAILED are \
attempts of the last 24 hours and the share of them that failed.

Exit status of --check: 0 well (degraded: the reasons are printed all the same), 3 unhealthy, or nothing can be known";
