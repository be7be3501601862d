//! `llmbench run`: the flags for models, request, load and output.

use crate::cli::values;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Measure models: one request, one outcome, one row
#[derive(Debug, Args)]
#[command(after_help = DEFINITIONS)]
pub struct RunArgs {
    /// Models, or patterns such as 'groq:*' of enabled ones; the same as -m
    #[arg(value_name = "MODEL", help_heading = "Which models")]
    pub named: Vec<String>,
    /// Model as provider:model_id, split at the first colon; a bare id is looked up in the catalog, and a pattern
    /// ('*' and '?') means every enabled model that fits, or the simulator's (repeatable)
    #[arg(short, long = "model", value_name = "MODEL", help_heading = "Which models")]
    pub models: Vec<String>,
    /// Every enabled model of this provider (repeatable)
    #[arg(short, long = "provider", value_name = "NAME", help_heading = "Which models")]
    pub providers: Vec<String>,
    /// Every enabled model of the store
    #[arg(long, conflicts_with_all = ["named", "models", "providers"], help_heading = "Which models")]
    pub all: bool,
    /// Answer the question about calls, tokens and money that --all asks at a terminal; elsewhere nobody is asked
    #[arg(short, long, requires = "all", help_heading = "Which models")]
    pub yes: bool,

    /// Question: default (64 tokens), long (512), reasoning (2048), or one from the configuration [default: default]
    #[arg(long, value_name = "NAME", help_heading = "What is asked")]
    pub profile: Option<String>,
    /// Prompt of your own instead of the profile's
    #[arg(long, value_name = "TEXT", conflicts_with = "prompt_file", help_heading = "What is asked")]
    pub prompt: Option<String>,
    /// Prompt from a file, - for standard input
    #[arg(long, value_name = "FILE", help_heading = "What is asked")]
    pub prompt_file: Option<PathBuf>,
    /// Output budget in tokens, reasoning included
    #[arg(long, value_name = "N", value_parser = values::at_least_one::<u32>, help_heading = "What is asked")]
    pub max_tokens: Option<u32>,
    /// Sampling temperature, 0 to 2, sent where the model accepts one
    #[arg(long, value_name = "T", value_parser = values::temperature, help_heading = "What is asked")]
    pub temperature: Option<f64>,
    /// Reasoning effort in the provider's own word
    #[arg(long, value_name = "WORD", help_heading = "What is asked")]
    pub reasoning_effort: Option<String>,
    /// Put a nonce at the head of each prompt, so that no prefix cache answers (default outside the published profile)
    #[arg(long, overrides_with = "no_cache_bust", help_heading = "What is asked")]
    pub cache_bust: bool,
    /// Send every prompt as it is
    #[arg(long, help_heading = "What is asked")]
    pub no_cache_bust: bool,

    /// Requests per model, pairs with --paired [default: 1, or without end with --duration]
    #[arg(short = 'n', long, value_name = "N", value_parser = values::at_least_one::<u64>, help_heading = "How much")]
    pub requests: Option<u64>,
    /// Requests in flight at once per provider; with --rate the most that may be [default: 1, with --rate 1000]
    #[arg(short, long, value_name = "N", value_parser = values::at_least_one::<u16>, help_heading = "How much")]
    pub concurrency: Option<u16>,
    /// Open loop: start N requests a second per provider, whether or not earlier ones have ended
    #[arg(long, value_name = "N", value_parser = values::positive, help_heading = "How much")]
    pub rate: Option<f64>,
    /// Spread of the starts of an open loop
    #[arg(long, value_enum, default_value_t = ArrivalsArg::Poisson, requires = "rate", help_heading = "How much")]
    pub arrivals: ArrivalsArg,
    /// Start no request after this long (30s, 5m)
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "How much")]
    pub duration: Option<Duration>,
    /// Requests per model that are made first and neither counted nor stored
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "How much")]
    pub warmup: u64,
    /// Send on at once where an answer asks to wait (Retry-After); by default a closed loop waits, at most as long as
    /// --timeout
    #[arg(long, help_heading = "How much")]
    pub no_wait: bool,
    /// Deadline of a whole request [default: 120s, more for more than 512 tokens]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "How much")]
    pub timeout: Option<Duration>,
    /// Stop a provider once this share of its requests failed (20%), to save money
    #[arg(long, value_name = "SHARE", value_parser = values::share, help_heading = "How much")]
    pub max_error_rate: Option<f64>,
    /// Take a connection that is open before the clock starts
    #[arg(long, conflicts_with = "cold", help_heading = "How much")]
    pub warm: bool,
    /// Through this proxy, `http://[USER:PASSWORD@]HOST:PORT`: its time is a phase of its own, and no row is published
    #[arg(long, value_name = "URL", help_heading = "How much")]
    pub proxy: Option<String>,
    /// Connect anew inside the clock (the default, as in the published series)
    #[arg(long, help_heading = "How much")]
    pub cold: bool,
    /// Make every request twice, over a new connection and over one that is open, in an order drawn by lot: the report says
    /// what connecting costs, with an interval
    #[arg(long, help_heading = "How much")]
    pub paired: bool,

    /// Order of several models, side by side
    #[arg(long, value_enum, value_name = "BY", default_value_t = SortArg::Ttft, help_heading = "What comes out")]
    pub sort: SortArg,
    /// One JSON document on standard output
    #[arg(long, conflicts_with = "ndjson", help_heading = "What comes out")]
    pub json: bool,
    /// One JSON line per run, as it ends
    #[arg(long, help_heading = "What comes out")]
    pub ndjson: bool,
    /// A summary in Markdown on standard output, for the page of a CI job: gates, figures, failures
    #[arg(long, conflicts_with_all = ["json", "ndjson"], help_heading = "What comes out")]
    pub markdown: bool,
    /// The same requests under the definitions and names of another load generator too, in the table and in --json; it
    /// keeps connections open, so compare with --warm
    #[arg(long, value_enum, value_name = "TOOL", conflicts_with_all = ["paired", "ndjson", "markdown"], help_heading = "What comes out")]
    pub dialect: Option<DialectArg>,
    /// One line per run into a CSV file; an existing one is replaced; - is standard output
    #[arg(long, value_name = "FILE", help_heading = "What comes out")]
    pub csv: Option<PathBuf>,
    /// Show the run as it goes, full screen: models with sparklines, errors, what is in flight, time left; keys as in
    /// `status --watch`. Needs a terminal of 60 columns or more; elsewhere nothing changes. The table follows at the end
    #[arg(long, conflicts_with = "quiet", help_heading = "What comes out")]
    pub live: bool,
    /// No progress, no notes, no table; failures, tripped gates and errors still appear, on standard error
    #[arg(short, long, conflicts_with = "verbose", help_heading = "What comes out")]
    pub quiet: bool,
    /// Phases, the provider's own clock, quality
    #[arg(short, long, help_heading = "What comes out")]
    pub verbose: bool,
    /// Store nothing
    #[arg(long, help_heading = "What comes out")]
    pub no_store: bool,
    /// Role of the rows [default: published where exactly the published question is asked of an enabled model,
    /// else manual]
    #[arg(long, value_name = "NAME", help_heading = "What comes out")]
    pub role: Option<String>,
    /// Exit 1 if this holds for any model, for example 'ttft_p95>2s', 'error_rate>5%', or 'ttft_p50>1.3x', which compares
    /// with stored runs (repeatable)
    #[arg(long = "fail-if", value_name = "CONDITION", help_heading = "What comes out")]
    pub fail_if: Vec<String>,
    /// How far back the stored runs reach with which a condition such as 'ttft_p50>1.3x' compares: 3d or more, 2w [default: 7d]
    #[arg(long, value_name = "TIME", value_parser = values::baseline, requires = "fail_if", help_heading = "What comes out")]
    pub baseline: Option<Duration>,
    /// Exit 0 where too little is stored to decide such a condition; what is missing is still told
    #[arg(long, requires = "fail_if", help_heading = "What comes out")]
    pub allow_undecided: bool,
}

/// Spread of the starts of an open loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ArrivalsArg {
    /// Exponential gaps, as independent users arrive
    Poisson,
    /// Equal gaps
    Constant,
}

/// A load generator with metrics of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DialectArg {
    /// aiperf 0.13
    Aiperf,
    /// GuideLLM 0.8
    Guidellm,
    /// vllm bench serve of vLLM 0.33
    Vllm,
}

/// What models stand sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SortArg {
    /// The shortest median TTFT first
    Ttft,
    /// The highest median of tokens/s first
    Tps,
    /// By name
    Name,
}

/// The definitions of the figures, printed by `--help`, the man page and docs/measuring.md: the title in tables, the
/// name in `--fail-if` and JSON, the meaning.
pub const DEFINITIONS: &str = "\
Figures, from t0, the moment at which the request is handed to the network,
credentials settled:
  TTFT                   ttft         t0 to the first visible text
  first reasoning token  ttfrt        t0 to the first reasoning text
  inter-token latency    itl          time / tokens of the pace
  tokens/s, end to end   tps          generated tokens, reasoning included
                                      / total
  tokens/s, visible      visible_tps  visible tokens / total
  tokens/s, decode       decode_tps   tokens / time of the pace
  total                  total        t0 to the end of the answer

A role, an empty string or a ping is no token. The pace: visible tokens that
arrive within one millisecond are one group; the tokens after the first group,
and the time from that group to the last token. A cold run connects inside the
clock; -v shows the connection apart. Failures are counted beside the figures,
never inside them. Nothing is ever retried inside the clock.

--fail-if takes NAME_STATISTIC with min, mean, max, n or any percentile
(ttft_p99.9>2s, tps_p50<30), and error_rate, failures, successes, suspects. A
gate that finds nothing to look at trips too. A median takes a factor as well
(ttft_p50>1.3x, tps_p50<0.8x): it is held against the stored runs of the same
model, profile and connection, and trips where the whole 95 % interval of the
ratio lies beyond the factor.";
