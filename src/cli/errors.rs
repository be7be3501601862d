//! `llmbench errors`: shows failures, in groups, one by one, and as they happen.

use crate::cli::values;
use clap::{Args, Subcommand, ValueEnum};

/// Failures
#[derive(Debug, Args)]
pub struct ErrorsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ErrorsCommand,
}

/// What to do with errors.
#[derive(Debug, Subcommand)]
pub enum ErrorsCommand {
    /// Count errors in groups, with the successes beside them and what to do; of the last 24 hours unless --since says else
    Summary(ErrorsSummaryArgs),
    /// Tell everything about the errors of one model, or about one fingerprint; of all time unless --since says else
    Show(ErrorsShowArgs),
    /// Print errors as they happen, until interrupted
    Tail(ErrorsTailArgs),
}

/// What errors are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GroupByArg {
    /// Provider
    Provider,
    /// Provider and model
    Model,
    /// Kind of the failure
    Kind,
    /// Subject of the message, whoever wrote it: aws_profile, rate_limit, token_mismatch, not_found, other
    Cause,
    /// Stage that the attempt had reached
    Stage,
    /// The same failure of the same model
    Fingerprint,
}

/// A window of time.
#[derive(Debug, Args)]
pub struct WindowArgs {
    /// From when on: 24h, 7d, 2w, today, yesterday, 2026-11-01, '2026-11-01 13:00' or RFC 3339; local time where no
    /// offset is given
    #[arg(long, visible_alias = "from", value_name = "TIME")]
    pub since: Option<String>,
    /// Up to when, in the same forms; that moment itself is outside [default: without end]
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
}

/// Which model.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// Only this provider
    #[arg(short, long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Only this model: provider:model_id, or a model_id beside --provider
    #[arg(short, long, value_name = "MODEL")]
    pub model: Option<String>,
}

/// Count errors in groups, with the successes beside them and what to do; of the last 24 hours unless --since says else
#[derive(Debug, Args)]
#[command(after_help = DEFINITIONS)]
pub struct ErrorsSummaryArgs {
    /// When.
    #[command(flatten)]
    pub window: WindowArgs,
    /// Which models.
    #[command(flatten)]
    pub of: ModelArgs,
    /// Key by which errors are grouped [default: provider; model with --model, --only-failing or --enabled]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub by: Option<GroupByArg>,
    /// Only models that failed and never succeeded in the window
    #[arg(long)]
    pub only_failing: bool,
    /// Only models that the catalog still has enabled
    #[arg(long)]
    pub enabled: bool,
    /// Only attempts of the published series, errors and successes
    #[arg(long, conflicts_with = "probe")]
    pub published: bool,
    /// The successes outside the published series are counted in any case
    #[arg(long, hide = true)]
    pub probe: bool,
    /// Exit 1 where a larger share (5%) of attempts failed: of any line with --by provider or model, else of all; also
    /// where there was no attempt to judge by
    #[arg(long, value_name = "SHARE", value_parser = values::share)]
    pub max_error_rate: Option<f64>,
    /// One JSON document on standard output
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// CSV on standard output
    #[arg(long)]
    pub csv: bool,
    /// Every column and whole messages, however wide the terminal is
    #[arg(long)]
    pub wide: bool,
}

/// The meaning of the columns, printed by `--help` and the man page.
const DEFINITIONS: &str = "\
SHARE is the group's part of all errors shown. SUCCESS is the share of successes among all attempts in the window at the \
providers or models that the group struck: it tells a model that fails now and then from one that does nothing else. \
Errors and successes are those of everything that was measured; with --published, both are those of the published series.";

/// Tell everything about the errors of one model, or about one fingerprint; of all time unless --since says else
#[derive(Debug, Args)]
pub struct ErrorsShowArgs {
    /// provider:model_id, or a fingerprint or its beginning as `errors summary --by fingerprint` prints it
    #[arg(value_name = "FINGERPRINT|MODEL")]
    pub what: String,
    /// When.
    #[command(flatten)]
    pub window: WindowArgs,
    /// Number of the newest errors that are told in full
    #[arg(long, short_alias = 'n', alias = "lines", value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub limit: u32,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
    /// Every column and whole messages, however wide the terminal is
    #[arg(long)]
    pub wide: bool,
}

/// Print errors as they happen, until interrupted
#[derive(Debug, Args)]
pub struct ErrorsTailArgs {
    /// Which models.
    #[command(flatten)]
    pub of: ModelArgs,
    /// Number of earlier errors that are printed first
    #[arg(long, short_alias = 'n', alias = "lines", value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub limit: u32,
    /// One JSON line an error: the row as it is stored
    #[arg(long)]
    pub json: bool,
    /// Whole messages, however wide the terminal is
    #[arg(long)]
    pub wide: bool,
}
