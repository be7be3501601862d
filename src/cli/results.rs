//! `llmbench results`: shows stored runs.

use crate::cli::changes::ResultsChangesArgs;
use crate::cli::cost::ResultsCostArgs;
use crate::cli::errors::{ModelArgs, WindowArgs};
use crate::cli::rank::ResultsRankArgs;
use crate::cli::values;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Stored runs
#[derive(Debug, Args)]
pub struct ResultsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ResultsCommand,
}

/// What to do with stored runs.
#[derive(Debug, Subcommand)]
pub enum ResultsCommand {
    /// The newest runs, newest first
    List(ResultsListArgs),
    /// One run with its timeline, or one error
    Show(ResultsShowArgs),
    /// Write stored rows as CSV, JSON or Parquet, oldest first; of all time unless --since says else
    Export(ResultsExportArgs),
    /// Tell whether two models, providers or windows differ; of the last 7 days unless --since says else
    Compare(ResultsCompareArgs),
    /// Changes of measured series: when, by how much, why; open ones and those of the last 30 days unless --since says else
    Changes(ResultsChangesArgs),
    /// Rank models by a figure, as far as their order is settled; of the last 7 days unless --since says else
    Rank(ResultsRankArgs),
    /// Tell what a new connection costs, from stored pairs; of the last 7 days unless --since says else
    Pairs(ResultsPairsArgs),
    /// Tell what measuring cost, and what the month will cost; of the last 30 days unless --since says else
    Cost(ResultsCostArgs),
    /// Compute figures again from receipts, and tell which rows differ; of all time unless --since says else
    Recompute(ResultsRecomputeArgs),
    /// Check an export that somebody made with --receipts; needs no store, no network and no configuration
    Verify(ResultsVerifyArgs),
}

/// The newest runs, newest first
#[derive(Debug, Args)]
pub struct ResultsListArgs {
    /// Which models.
    #[command(flatten)]
    pub of: ModelArgs,
    /// When.
    #[command(flatten)]
    pub window: WindowArgs,
    /// Number of runs [default: 20 at a terminal; in a pipe, and as a document, all, up to 10000]
    #[arg(long, short_alias = 'n', alias = "lines", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: Option<u32>,
    /// Number of runs of each model and its newest run instead, most first
    #[arg(long, conflicts_with = "limit")]
    pub counts: bool,
    /// Only runs of the published series, which the dashboard shows
    #[arg(long, conflicts_with = "probe")]
    pub published: bool,
    /// Only runs outside the published series
    #[arg(long)]
    pub probe: bool,
    /// One JSON document on standard output
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// CSV on standard output, in the columns of `run --csv` and a column `published`
    #[arg(long)]
    pub csv: bool,
    /// Every column, however wide the terminal is
    #[arg(long)]
    pub wide: bool,
}

/// One run with its timeline, or one error
#[derive(Debug, Args)]
pub struct ResultsShowArgs {
    /// The id that `results list` prints
    #[arg(value_name = "ID")]
    pub id: String,
    /// One JSON document on standard output: the row as it is stored
    #[arg(long)]
    pub json: bool,
    /// Every stored field, too
    #[arg(short, long)]
    pub verbose: bool,
}

/// Tell what a new connection costs, from stored pairs; of the last 7 days unless --since says else
#[derive(Debug, Args)]
#[command(after_help = PAIRED)]
pub struct ResultsPairsArgs {
    /// Which models.
    #[command(flatten)]
    pub of: ModelArgs,
    /// When.
    #[command(flatten)]
    pub window: WindowArgs,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
    /// Every column, however wide the terminal is
    #[arg(long)]
    pub wide: bool,
}

/// An explanation of pairs, printed by `--help` and the man page.
const PAIRED: &str = "\
A pair is one request over a new connection and one over a connection that is open, one right after the other, in an order \
drawn by lot. `run --paired` makes pairs, and so does a daemon for a profile with `paired = true` in the configuration. The \
difference is the median of cold minus warm within pairs; its interval lies between two of the differences and holds that \
median with 95 % or more, from 6 pairs on. A pair of which a half failed or is missing is incomplete, and one of whose \
times is in doubt is suspect: neither is in a figure.";

/// Compute figures again from receipts, and tell which rows differ; of all time unless --since says else
#[derive(Debug, Args)]
#[command(after_help = RECOMPUTED)]
pub struct ResultsRecomputeArgs {
    /// Which models.
    #[command(flatten)]
    pub of: ModelArgs,
    /// When.
    #[command(flatten)]
    pub window: WindowArgs,
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

/// An explanation of receipts, printed by `--help` and the man page.
const RECOMPUTED: &str = "\
Runs of a profile with `receipts = true` in the configuration carry a receipt: when each read of the answer arrived, how \
many bytes it brought, and how long the pieces of text in it were. Every figure of such a run is computed again from it \
and held against the stored one, bit for bit. Figures of a run that an older version of the definitions made are shown \
beside today's and are no difference.

Exit status: 0 every figure is as stored, 1 some differ or a receipt cannot be read, 2 trouble";

/// Check an export that somebody made with --receipts; needs no store, no network and no configuration
#[derive(Debug, Args)]
#[command(after_help = CHECKED)]
pub struct ResultsVerifyArgs {
    /// The export; its manifest, receipts and signature are beside it
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Public key in PEM, as `openssl pkey -pubout` writes it: the signature must be there and be of this key
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
    /// Every column, however wide the terminal is
    #[arg(long)]
    pub wide: bool,
}

/// An explanation of the check, printed by `--help` and the man page.
const CHECKED: &str = "\
Checks the signature, the SHA-256 of FILE and of its receipts, and that every run of one is in the other. Computes every \
figure again from its receipt and holds it against FILE, bit for bit. Without a signature the files may be anybody's, and \
that is said; with --public-key it is a difference. A run without a receipt, or with one of other definitions than this \
version's, cannot be checked; the answer says how many there are.

  llmbench results verify runs.csv --public-key lab.pub.pem

Exit status: 0 everything is true, 1 something differs or was changed, 2 trouble, or no receipt that could be computed";

/// In which form rows are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// One header, one row a line
    Csv,
    /// One JSON document
    Json,
    /// One JSON document a line
    Ndjson,
    /// Columns for analysis, binary
    Parquet,
}

/// Which rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SeriesArg {
    /// Every run
    All,
    /// Runs of the published series
    Published,
    /// All other runs
    Probe,
    /// Failed attempts, of every run
    Errors,
}

/// Write stored rows as CSV, JSON or Parquet, oldest first; of all time unless --since says else
#[derive(Debug, Args)]
#[command(after_help = EXPORTED)]
pub struct ResultsExportArgs {
    /// When.
    #[command(flatten)]
    pub window: WindowArgs,
    /// Which models.
    #[command(flatten)]
    pub of: ModelArgs,
    /// Which rows
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = SeriesArg::All)]
    pub series: SeriesArg,
    /// The same as --series published
    #[arg(long, conflicts_with = "series")]
    pub published: bool,
    /// In which form [default: by the ending of FILE (.csv, .json, .ndjson, .jsonl, .parquet), else csv]
    #[arg(short, long, value_enum, value_name = "FORM")]
    pub format: Option<FormatArg>,
    /// Where to; - is standard output. The file appears when it is whole, and not before
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
    /// Replace FILE where it exists
    #[arg(long)]
    pub force: bool,
    /// Write receipts and a manifest beside FILE, by which `results verify` checks its figures
    #[arg(long)]
    pub receipts: bool,
    /// No progress and no notes; errors still appear, on standard error
    #[arg(short, long)]
    pub quiet: bool,
}

/// An explanation of the exported forms, printed by `--help` and the man page.
const EXPORTED: &str = "\
Every field of every row comes out, and of runs `published`: whether the dashboard shows it. JSON is what is stored, with \
times as RFC 3339. CSV and Parquet have a column for each \
field of the data contract, in its type; other fields, and values of another type than their column's, stand in the last \
column `extra` as one JSON object. Rows that are stored meanwhile may or may not be in it.

--receipts adds FILE.receipts.ndjson, with the receipt and the figures of each run, and FILE.manifest.json, with the \
SHA-256 of both. LLMBENCH_SIGNING_KEY_FILE (`signing_key_file` in the configuration) names an Ed25519 key in PEM that signs \
the manifest, into FILE.manifest.json.sig.";

/// A figure that is compared, named as in `--fail-if`. The names of row fields stand for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum MetricArg {
    /// Every one of the others
    All,
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

/// Which runs are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RunsArg {
    /// Every run
    All,
    /// The published series
    Published,
    /// All other runs
    Probe,
}

/// Tell whether two models, providers or windows differ; of the last 7 days unless --since says else
#[derive(Debug, Args)]
#[command(after_help = COMPARED)]
pub struct ResultsCompareArgs {
    /// Side that B is held against: provider:model_id, a provider, or one of them or nothing with a window of its own behind it,
    /// WHAT@FROM..TO, where FROM and TO are times as --since takes them, either may be missing
    #[arg(value_name = "A")]
    pub a: String,
    /// The same for the other side
    #[arg(value_name = "B")]
    pub b: String,
    /// When, for a side without a window of its own.
    #[command(flatten)]
    pub window: WindowArgs,
    /// Which figures (repeatable, or with commas between)
    #[arg(short, long, value_enum, value_name = "NAME", value_delimiter = ',', default_values_t = [MetricArg::All])]
    pub metric: Vec<MetricArg>,
    /// Which runs
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = RunsArg::All)]
    pub series: RunsArg,
    /// The same as --series published
    #[arg(long, conflicts_with = "series")]
    pub published: bool,
    /// Confidence that an answer needs: 0.95 or 95%
    #[arg(long, value_name = "SHARE", default_value = "0.95", value_parser = values::confidence)]
    pub confidence: f64,
    /// A difference that may be smaller (5% or 0.05) is none, however sure it is
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = values::share)]
    pub min_difference: f64,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
    /// Every model, however many there are, and every column
    #[arg(long)]
    pub wide: bool,
}

/// An explanation of the comparison, printed by `--help` and the man page.
const COMPARED: &str = "\
The difference is that of the medians of blocks of time, B against A: of UTC days, or of 3 hours where a side has fewer \
than three days. Runs that are close in time share the load of that time, so blocks are counted and not runs; an answer \
needs three on either side, and where there are fewer it says how long it would take. Two models are compared as they \
are. Providers are compared by the models that both have under one name, and windows by the models that both have, every \
model counting the same. So another mix of models is no difference in speed. Runs are compared with runs of the same \
runner, profile and connection, and of the same hours of the day. The interval is Welch's. Where several figures are \
asked for, the chance of a false alarm is shared among them. Suspect runs are left out, and failures are counted beside. \
A difference is real where the interval does not hold zero and its near end is no smaller than --min-difference: 25% \
stands for ratios of 1.25 and more, and of 1/1.25 and less.

  llmbench results compare groq:llama-3.3-70b-versatile cerebras:llama-3.3-70b
  llmbench results compare together fireworks --since 30d --min-difference 5%
  llmbench results compare groq@14d..7d groq@7d..
  llmbench results compare @14d..7d @7d.. --metric ttft

Exit status: 0 no real difference, 1 a real difference, 2 trouble, or too few runs to tell";
