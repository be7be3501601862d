//! `llmbench models`: reads and changes the catalog of measured models.

use crate::cli::values;
use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The catalog: which models are measured
#[derive(Debug, Args)]
#[command(after_help = SELECTORS)]
pub struct ModelsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ModelsCommand,
}

/// What to do with the catalog.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List models with the figures of their last day; enabled ones by default
    List(ModelsListArgs),
    /// Add models: checks first, then one real call each before it is enabled
    Add(ModelsAddArgs),
    /// Stop measuring models, with a reason; nothing is deleted
    Disable(ModelsDisableArgs),
    /// Measure models again, after one real call each
    Enable(ModelsEnableArgs),
    /// Take models out of the catalog that never succeeded
    Remove(ModelsRemoveArgs),
    /// Name models for people, say how their weights are kept, or change their request quirks
    Set(ModelsSetArgs),
    /// All that is known about models
    Show(ModelsShowArgs),
    /// Changes of the catalog: who made them, when and why
    History(ModelsHistoryArgs),
    /// Give every model of a batch the values back that it had before
    Undo(ModelsUndoArgs),
}

/// An explanation of selectors and changes, printed by `--help` and the man pages.
const SELECTORS: &str = "\
A selector is an exact provider:model_id, or a pattern in which * stands for any text and ? for any character; quote \
patterns, or the shell reads them first. A change by a pattern, or of more than one model, shows what will change and \
asks; in scripts --yes answers. Every change belongs to a batch with who, when, why and the values before. Its id is \
printed once: on standard output, or at a terminal in the command that takes it back, `llmbench models undo`.";

/// List models with the figures of their last day
#[derive(Debug, Args)]
pub struct ModelsListArgs {
    /// Disabled and deprecated ones too
    #[arg(long, conflicts_with = "disabled", help_heading = "Which models")]
    pub all: bool,
    /// Only those that are not measured: why, since when, by whom
    #[arg(long, help_heading = "Which models")]
    pub disabled: bool,
    /// Only those that were disabled since then, newest first: 24h, 7d, yesterday, 2026-11-01
    #[arg(long, value_name = "TIME", requires = "disabled", help_heading = "Which models")]
    pub since: Option<String>,
    /// Only those of this provider (repeatable)
    #[arg(short, long = "provider", value_name = "NAME", help_heading = "Which models")]
    pub providers: Vec<String>,
    /// Only those whose provider:model_id is as this pattern says (repeatable)
    #[arg(long = "match", value_name = "PATTERN", help_heading = "Which models")]
    pub patterns: Vec<String>,
    /// Only those whose newest success is older than 1.5 times their cadence, or that have none
    #[arg(long, help_heading = "Which models")]
    pub stale: bool,
    /// Only those that failed in the last 24 hours and never succeeded
    #[arg(long, help_heading = "Which models")]
    pub failing: bool,

    /// Every column, whole, however wide
    #[arg(long, conflicts_with_all = ["json", "csv", "ids"], help_heading = "What comes out")]
    pub wide: bool,
    /// One JSON document
    #[arg(long, conflicts_with_all = ["csv", "ids"], help_heading = "What comes out")]
    pub json: bool,
    /// CSV with a header
    #[arg(long, conflicts_with = "ids", help_heading = "What comes out")]
    pub csv: bool,
    /// provider:model_id alone, one a line, for xargs
    #[arg(long, help_heading = "What comes out")]
    pub ids: bool,
}

/// Whether a change is asked for, shown or made.
#[derive(Debug, Clone, Copy, Args)]
pub struct ConfirmArgs {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Add models: checks first, then one real call each before it is enabled
#[derive(Debug, Args)]
#[command(after_help = ADDING)]
pub struct ModelsAddArgs {
    /// Models as provider:model_id, split at the first colon; without one, at a terminal, it asks
    #[arg(value_name = "MODEL")]
    pub models: Vec<String>,
    /// More of them from a file, - for standard input: provider:model_id a line, or a JSON object with provider, model_id
    /// and, if wanted, display_name and metadata
    #[arg(long, value_name = "FILE")]
    pub from_file: Option<PathBuf>,
    /// Put them into the catalog disabled, with the status probing, and call nobody
    #[arg(long)]
    pub no_probe: bool,
    /// Name for people instead of the id; for one model
    #[arg(long, value_name = "TEXT", value_parser = values::name)]
    pub display_name: Option<String>,
    /// Measure a router's models at this endpoint, without fallbacks, as MODEL@TAG does (repeatable: each is measured)
    #[arg(long = "endpoint", value_name = "TAG")]
    pub endpoints: Vec<String>,
    /// Let the daemon ask one short question a day, so that another model behind the name is noticed; says what it costs
    #[arg(long)]
    pub canary: bool,
    /// Request quirk such as omit_temperature=true; the value is JSON or else text (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub metadata: Vec<String>,
    /// Keep request quirks that nothing here obeys, for other programs
    #[arg(long, requires = "metadata")]
    pub force: bool,
    /// Reason, for the history
    #[arg(long, value_name = "TEXT", value_parser = values::reason)]
    pub reason: Option<String>,
    /// Consent to the change.
    #[command(flatten)]
    pub consent: ConfirmArgs,
}

/// An explanation of probes, printed by `--help` and the man page.
const ADDING: &str = "\
A provider's list proves nothing: a model is enabled only after it has answered one real call. One that has not stays in \
the catalog disabled, with the status probing and what the provider said as its reason; the same command tries it \
again. A name that looks like embeddings, speech, images or video is warned of, and the call decides. A provider's \
models are called four at a time.

At a terminal and without a model it asks for a provider and for models of its list, which is searched by typing.";

/// Stop measuring models, with a reason; nothing is deleted
#[derive(Debug, Args)]
pub struct ModelsDisableArgs {
    /// Models: provider:model_id, a bare id that is unique, or a pattern
    #[arg(value_name = "SELECTOR", required = true)]
    pub selectors: Vec<String>,
    /// Reason, for everybody who wonders later
    #[arg(long, value_name = "TEXT", value_parser = values::reason)]
    pub reason: String,
    /// Kind of reason, one word: hard_model, billing, unsuitable, quota, …
    #[arg(long, value_name = "WORD", value_parser = values::class, default_value = "manual")]
    pub class: String,
    /// Day (UTC) or instant until which it is meant to be off; the daemon enables it again then
    #[arg(long, value_name = "DATE", value_parser = values::instant)]
    pub until: Option<DateTime<Utc>>,
    /// Consent to the change.
    #[command(flatten)]
    pub consent: ConfirmArgs,
}

/// Measure models again, after one real call each
#[derive(Debug, Args)]
pub struct ModelsEnableArgs {
    /// Models: provider:model_id, a bare id that is unique, or a pattern
    #[arg(value_name = "SELECTOR", required = true)]
    pub selectors: Vec<String>,
    /// Call nobody, and enable them whether they answer or not
    #[arg(long)]
    pub no_probe: bool,
    /// Reason, for the history
    #[arg(long, value_name = "TEXT", value_parser = values::reason)]
    pub reason: Option<String>,
    /// Consent to the change.
    #[command(flatten)]
    pub consent: ConfirmArgs,
}

/// Take models out of the catalog that never succeeded
#[derive(Debug, Args)]
#[command(after_help = REMOVING)]
pub struct ModelsRemoveArgs {
    /// Models: provider:model_id, a bare id that is unique, or a pattern
    #[arg(value_name = "SELECTOR", required = true)]
    pub selectors: Vec<String>,
    /// Reason, for the history
    #[arg(long, value_name = "TEXT", value_parser = values::reason)]
    pub reason: Option<String>,
    /// Consent to the change.
    #[command(flatten)]
    pub consent: ConfirmArgs,
}

/// An explanation of removal, printed by `--help` and the man page.
const REMOVING: &str = "\
A model that has a successful run in the store, published or not, is refused, and with it everything that was named: \
`llmbench models disable` stops measuring it. Queued measurements of a removed model are cancelled; its errors stay, and \
the batch keeps the whole entry, so that `llmbench models undo` puts it back as it was, unless it was added anew meanwhile.";

/// Whether a model is asked the daily question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CanaryArg {
    /// Ask it
    On,
    /// Ask it no longer
    Off,
}

/// Name models for people, say how their weights are kept, or change their request quirks
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what")
    .args(["display_name", "canonical", "quantization", "endpoint_tag", "unpin", "canary", "metadata", "unset"])
    .required(true)
    .multiple(true))]
pub struct ModelsSetArgs {
    /// Models: provider:model_id, a bare id that is unique, or a pattern
    #[arg(value_name = "SELECTOR", required = true)]
    pub selectors: Vec<String>,
    /// Name for people instead of the id; for one model
    #[arg(long, value_name = "TEXT", value_parser = values::name)]
    pub display_name: Option<String>,
    /// Key under which readers draw models of several providers as one, such as llama-3.3-70b; for one model of each
    /// provider
    #[arg(long, value_name = "KEY", value_parser = values::canonical_key)]
    pub canonical: Option<String>,
    /// Request quirk such as omit_temperature=true; the value is JSON or else text (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub metadata: Vec<String>,
    /// Keep request quirks that nothing here obeys, for other programs
    #[arg(long, requires = "metadata")]
    pub force: bool,
    /// The numbers in which the weights are kept, as the provider says: fp8, bf16; or `listed`, for what the provider's list
    /// states; rows are grouped by it
    #[arg(long, value_name = "WORD")]
    pub quantization: Option<String>,
    /// With --quantization: the pinned endpoint of a router's model that it is true of
    #[arg(long, value_name = "TAG", requires = "quantization")]
    pub endpoint: Option<String>,
    /// The endpoint that answers at a direct provider, in place of PROVIDER/direct or PROVIDER/REGION
    #[arg(long, value_name = "TAG")]
    pub endpoint_tag: Option<String>,
    /// Pinned endpoint of a router's model that is no longer measured (repeatable)
    #[arg(long, value_name = "TAG")]
    pub unpin: Vec<String>,
    /// Whether the daemon asks one short question a day, so that another model behind the name is noticed
    #[arg(long, value_name = "ON|OFF", value_enum)]
    pub canary: Option<CanaryArg>,
    /// Request quirk that is taken away (repeatable)
    #[arg(long, value_name = "KEY")]
    pub unset: Vec<String>,
    /// Reason, for the history
    #[arg(long, value_name = "TEXT", value_parser = values::reason)]
    pub reason: Option<String>,
    /// Consent to the change.
    #[command(flatten)]
    pub consent: ConfirmArgs,
}

/// All that is known about models
#[derive(Debug, Args)]
pub struct ModelsShowArgs {
    /// Models: provider:model_id, a bare id that is unique, or a pattern
    #[arg(value_name = "SELECTOR", required = true)]
    pub selectors: Vec<String>,
    /// One JSON document
    #[arg(long)]
    pub json: bool,
}

/// Changes of the catalog: who made them, when and why
#[derive(Debug, Args)]
pub struct ModelsHistoryArgs {
    /// Changes of these models alone
    #[arg(value_name = "SELECTOR")]
    pub selectors: Vec<String>,
    /// One batch, with every value before and after
    #[arg(long, value_name = "ID", conflicts_with = "selectors")]
    pub batch: Option<String>,
    /// At most so many batches, or changes a model [default: 20 at a terminal; in a pipe, and as a document, all, up to
    /// 10000]
    #[arg(long, short_alias = 'n', value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: Option<u32>,
    /// One JSON document
    #[arg(long)]
    pub json: bool,
}

/// Give every model of a batch the values back that it had before
#[derive(Debug, Args)]
pub struct ModelsUndoArgs {
    /// The batch, as `llmbench models history` shows it
    #[arg(value_name = "BATCH")]
    pub batch: String,
    /// Reason, for the history
    #[arg(long, value_name = "TEXT", value_parser = values::reason)]
    pub reason: Option<String>,
    /// Consent to the change.
    #[command(flatten)]
    pub consent: ConfirmArgs,
}
