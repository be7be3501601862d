//! Every command and flag. Reading this folder is reading `--help`; nothing here does anything.

pub mod catalog;
pub mod complete;
pub mod daemon;
pub mod db;
pub mod doctor;
pub mod errors;
pub mod ingest;
pub mod ingest_key;
pub mod models;
pub mod outbox;
pub mod results;
pub mod run;
pub mod sim;
pub mod status;
pub mod values;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Measures the speed of cloud LLM APIs: time to first token, inter-token latency, tokens per second
///
/// Try it with nothing set up: llmbench run --model sim:steady
#[derive(Debug, Parser)]
#[command(name = "llmbench", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = EXIT_STATUS)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Flags that every command takes.
    #[command(flatten)]
    pub global: Global,
}

/// The exit statuses, as `--help` and the man pages print them.
pub const EXIT_STATUS: &str = "\
Exit status:
  0    it worked, and the answer is yes
  1    no: a run failed, a gate tripped, or there was nothing to measure
  2    wrong usage or configuration
  3    unhealthy: `status --check` printed why, or nothing could be known
  70   a daemon stood still and was ended; watchdog.json in the state directory says which part
  75   not stored yet: results wait in a local file, or the store could not be reached
  130  interrupted; what was finished is stored";

/// Flags that every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user's configuration directory]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Where results and the catalogue are: sqlite:FILE, mongodb://…, or https://… for a bridge [env: LLMBENCH_STORE, then
    /// MONGODB_URI] [default: SQLite in the user's data directory]
    #[arg(long, value_name = "URL", global = true)]
    pub store: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure models: one request, one outcome, one row
    Run(Box<run::RunArgs>),
    /// Measure the enabled models around the clock
    Daemon(daemon::DaemonArgs),
    /// The catalogue: which models are measured
    Models(models::ModelsArgs),
    /// What providers list, against what is measured
    Catalog(catalog::CatalogArgs),
    /// The built-in simulated provider
    Sim(sim::SimArgs),
    /// The store's tables, collections and indexes
    Db(db::DbArgs),
    /// Look whether everything is in order, and say how to mend what is not
    Doctor(doctor::DoctorArgs),
    /// What failed: in groups, one by one, as it happens
    Errors(errors::ErrorsArgs),
    /// The bridge: runners post results over HTTP, without access to the database
    Ingest(ingest::IngestArgs),
    /// Rows between measuring and storing
    Outbox(outbox::OutboxArgs),
    /// Stored runs: the newest, and one with its timeline
    Results(results::ResultsArgs),
    /// How measuring goes: what is wrong first, then every provider, daemons and lanes
    Status(status::StatusArgs),
    /// What may stand at the cursor; the completions of shells ask
    #[command(name = "__complete", hide = true)]
    Complete(complete::CompleteArgs),
}
