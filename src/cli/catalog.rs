//! `llmbench catalog`: reads, compares and shows the lists of models of providers.

use clap::{Args, Subcommand};

/// Models that providers list, against those that are measured
#[derive(Debug, Args)]
pub struct CatalogArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: CatalogCommand,
}

/// What to do with the lists.
#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// Read the providers' own lists of models, all pages, side by side, and store them
    Sync(CatalogSyncArgs),
    /// Show what is new, gone or changed, listed and not measured, measured and not listed
    Diff(CatalogDiffArgs),
    /// Show what was listed, as it is stored
    List(CatalogListArgs),
}

/// Read the providers' own lists of models, all pages, side by side, and store them
///
/// Without --provider every provider is read that has a key or a login configured. A list that could not be read whole is
/// stored as partial: its models are known to be there, and none that it misses counts as gone. A listing proves nothing:
/// whether a model answers shows only when it is called.
#[derive(Debug, Args)]
#[command(after_help = SYNC_STATUS)]
pub struct CatalogSyncArgs {
    /// Read this provider's list (repeatable) [default: every provider with a key]
    #[arg(short, long = "provider", value_name = "NAME")]
    pub providers: Vec<String>,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
    /// No progress, no notes, no table; errors still appear
    #[arg(short, long)]
    pub quiet: bool,
}

const SYNC_STATUS: &str = "\
Exit status: 0 every list was read whole and stored, 1 one was not, or there was none to read";

/// Show what is new, gone or changed, listed and not measured, measured and not listed
///
/// Compares what `catalog sync` stored; asks no provider. A model is new when it came after its provider's first complete
/// read, and gone when it was missing from several complete reads in a row. A model that is disabled or deprecated here
/// was decided about and is no finding.
#[derive(Debug, Args)]
#[command(after_help = DIFF_STATUS)]
pub struct CatalogDiffArgs {
    /// New, gone and changed since then: 24h, 7d, yesterday, 2026-11-01 [default: 24h; with --notify 7d]
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// This provider alone (repeatable)
    #[arg(short, long = "provider", value_name = "NAME")]
    pub providers: Vec<String>,
    /// Complete reads in a row from which a model has to be missing before it is gone
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub absent: u16,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
    /// Every finding, not the first ten of a kind, and what providers state about each
    #[arg(long)]
    pub wide: bool,
    /// No findings and no notes: the exit status says whether anything differs; errors still appear
    #[arg(short, long, conflicts_with_all = ["json", "wide", "pick", "dry_run"])]
    pub quiet: bool,

    /// Tell what is new, gone, changed or no longer listed, by mail and webhook as `[notify]` says; each finding once
    #[arg(long, group = "acts", help_heading = "Telling and adding")]
    pub notify: bool,

    /// Choose among the models that are listed and not measured, and add them as `models add` does; = and their names, or
    /// patterns, with commas between them, choose without asking
    #[arg(
        long,
        value_name = "MODEL,…",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        conflicts_with_all = ["json", "wide"],
        group = "acts",
        help_heading = "Telling and adding"
    )]
    pub pick: Option<String>,
    /// Show what would be told or added, and tell, add and remember nothing
    #[arg(long, requires = "acts", conflicts_with = "json", help_heading = "Telling and adding")]
    pub dry_run: bool,
    /// With --pick: do not ask before they are called and added
    #[arg(short, long, requires = "pick", help_heading = "Telling and adding")]
    pub yes: bool,
    /// With --pick: put them into the catalog disabled, with the status probing, and call nobody
    #[arg(long, requires = "pick", help_heading = "Telling and adding")]
    pub no_probe: bool,
}

const DIFF_STATUS: &str = "\
Exit status, like diff(1): 0 nothing differs, 1 something differs, 2 trouble: no complete list, no store, wrong usage, or \
a notice that was not taken: it is kept and sent next time. With --pick that of `models add`: 0 all that were chosen are \
added, 1 one did not answer or nothing was agreed to";

/// Show what was listed, as it is stored
#[derive(Debug, Args)]
#[command(after_help = LIST_STATUS)]
pub struct CatalogListArgs {
    /// This provider alone (repeatable)
    #[arg(short, long = "provider", value_name = "NAME")]
    pub providers: Vec<String>,
    /// Only models whose id, or provider:id, fits this pattern: * is any text, ? one character
    #[arg(long = "match", value_name = "GLOB")]
    pub pattern: Option<String>,
    /// One JSON document on standard output
    #[arg(long, group = "form")]
    pub json: bool,
    /// Comma-separated values
    #[arg(long, group = "form")]
    pub csv: bool,
    /// provider:model_id, one a line
    #[arg(long, group = "form")]
    pub ids: bool,
    /// Numbers of models by provider, and the age of the lists (also with --json)
    #[arg(long, conflicts_with_all = ["pattern", "csv", "ids"])]
    pub counts: bool,
}

const LIST_STATUS: &str = "\
Exit status: 0 something is shown, 1 nothing fits, or nothing was ever listed";
