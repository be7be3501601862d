//! `llmbench calibrate`: how wrong the clock of this host is.

use clap::Args;

/// Measure how wrong this host's own clock is, against a simulator that knows when its tokens left
#[derive(Debug, Args)]
#[command(after_help = CALIBRATED)]
pub struct CalibrateArgs {
    /// Streams at once (repeatable, or with commas between) [default: 1, 50, 500 and what the daemon opens]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=4_000))]
    pub streams: Vec<u32>,
    /// Only what the verdict needs: as many streams as the daemon opens, on the host as it is
    #[arg(long, conflicts_with = "streams")]
    pub short: bool,
    /// No load beside the runs
    #[arg(long)]
    pub no_stress: bool,
    /// No connections over TLS
    #[arg(long)]
    pub no_tls: bool,
    /// Keep nothing: the next runs name an earlier calibration, or none
    #[arg(long)]
    pub no_save: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
    /// Every column, however wide the terminal is
    #[arg(long)]
    pub wide: bool,
    /// No progress and no notes; errors still appear, on standard error
    #[arg(short, long)]
    pub quiet: bool,
    /// Stops the measuring thread for so many milliseconds out of every twice as many: for tests of the verdict
    #[arg(long, value_name = "MS", hide = true, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub slow_clock: Option<u64>,
}

/// An explanation of the figures, printed by `--help` and the man page.
pub const CALIBRATED: &str = "\
The simulator runs as a process of its own and notes when each token leaves. Errors are what llmbench measured minus what \
the simulator noted, for TTFT in milliseconds, for inter-token latency and tokens/s in percent, each with the interval of 95 % \
of its mean. The load is one loop that never waits for each core, made by this command and ended with it. The verdict is that \
of the host as it is, with as many streams as a daemon opens for all providers that have a key. The calibration is kept in the \
state directory and, where a store is configured, in the store; rows that are measured from then on name it (`calibration_id`). \
A daemon makes the short one every day.

Exit status: 0 this host may publish, 1 it should not, 2 trouble";
