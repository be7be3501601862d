//! `llmbench results rank`: places of models.

use crate::cli::errors::{ModelArgs, WindowArgs};
use clap::{Args, ValueEnum};

/// A figure that models are ranked by, named as in `--fail-if`. The names of row fields stand for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum RankedMetricArg {
    /// Start to the first visible text
    #[value(alias = "time_to_first_token")]
    Ttft,
    /// Generated tokens, reasoning included, over the whole request
    #[value(alias = "tokens_per_second")]
    Tps,
    /// Visible tokens over the whole request
    #[value(alias = "visible_tokens_per_second")]
    VisibleTps,
    /// Time between visible tokens
    #[value(alias = "inter_token_latency")]
    Itl,
    /// The whole request
    #[value(alias = "generate_time")]
    Total,
}

/// Which connection runs had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConnectionArg {
    /// A new one
    Cold,
    /// One that was open
    Warm,
}

/// Rank models by a figure, as far as their order is settled; of the last 7 days unless --since says else
#[derive(Debug, Args)]
#[command(after_help = RANKED)]
pub struct ResultsRankArgs {
    /// Which models.
    #[command(flatten)]
    pub of: ModelArgs,
    /// When.
    #[command(flatten)]
    pub window: WindowArgs,
    /// By which figure
    #[arg(long, value_enum, value_name = "NAME", default_value_t = RankedMetricArg::Ttft)]
    pub metric: RankedMetricArg,
    /// Only runs of this profile, by name or id [default: the one that most models have]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Only runs over such connections [default: the kind that most models have]
    #[arg(long, value_enum, value_name = "KIND")]
    pub connection: Option<ConnectionArg>,
    /// Only runs of this runner; - for those that no bridge received (repeatable, or with commas between) [default: the
    /// runner that measures most models, and those that measure all of these too]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub runner: Vec<String>,
    /// Only runs of the published series, which the dashboard shows
    #[arg(long)]
    pub published: bool,
    /// One JSON document on standard output
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// CSV on standard output, a line for each model
    #[arg(long)]
    pub csv: bool,
    /// Every column, however wide the terminal is, and every model without a place
    #[arg(long)]
    pub wide: bool,
}

/// An explanation of places, printed by `--help` and the man page.
pub const RANKED: &str = "\
The figure is the geometric mean of the medians of UTC days, or of 3 hours where most models have fewer than three days, \
with Student's interval of 95 % for as many blocks as there are; a place needs three. Models that share places are a tier, \
and their order is open: only between tiers do the intervals of every model above and every model below lie apart, and does \
Welch's t tell the two from each other, so surely that all tiers of the list hold together with 95 %. One profile, one kind \
of connection and one set of runners count, and the same hours of the day. Suspect runs are left out. OK is the share of \
attempts that were answered, and in no figure. DASHBOARD is the standing of the model's endpoint there: official, \
preliminary, or none yet.

  llmbench results rank
  llmbench results rank --metric tps --profile long --since 30d
  llmbench results rank --provider openrouter --runner tokyo --json";
