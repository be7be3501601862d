//! `llmbench results cost`: its flags.

use crate::cli::errors::{ModelArgs, WindowArgs};
use clap::{Args, ValueEnum};

/// Tell what measuring cost, and what the month will cost; of the last 30 days unless --since says else
#[derive(Debug, Args)]
#[command(after_help = COSTS)]
pub struct ResultsCostArgs {
    /// Which models.
    #[command(flatten)]
    pub of: ModelArgs,
    /// When.
    #[command(flatten)]
    pub window: WindowArgs,
    /// Key by which calls are summed
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = CostByArg::Provider)]
    pub by: CostByArg,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
    /// Every column, however wide the terminal is
    #[arg(long)]
    pub wide: bool,
}

/// The keys of sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CostByArg {
    /// The provider
    Provider,
    /// Provider and model
    Model,
    /// The profile that asked
    Profile,
    /// The day (UTC)
    Day,
}

/// The meaning of the figures, printed by `--help` and the man page.
const COSTS: &str = "\
A row has what it cost (cost_usd) by the price that was in force when it was measured: that of the model under [daemon.models] \
of the configuration, else of the provider's list, else of the provider under [daemon.providers]. A row that has none, of an \
older version, of a remote runner or of another program, is priced by what the list said at its time. UNKNOWN are calls whose \
price or tokens nobody knows; no sum of dollars holds them. A call that failed before its answer began costs nothing. Cached \
input counts with the price of input. The forecast is what the month (UTC) has cost so far, and for the rest of it what daemons \
spent within the last 24 hours on models that are still measured.";
