//! Every command and flag, and no behavior. Reading this folder is reading `--help`.

pub mod calibrate;
pub mod catalog;
pub mod changes;
pub mod complete;
pub mod completions;
pub mod config;
pub mod cost;
pub mod daemon;
pub mod db;
pub mod doctor;
pub mod errors;
pub mod examples;
pub mod ingest;
pub mod ingest_key;
pub mod init;
pub mod man;
pub mod man_pages;
pub mod models;
pub mod outbox;
pub mod rank;
pub mod report;
pub mod results;
pub mod run;
pub mod sim;
pub mod status;
pub mod values;

use clap::{ArgAction, Args, Parser, Subcommand};
use std::path::PathBuf;

/// Measures the speed of cloud LLM APIs: time to first token, inter-token latency, tokens per second
///
/// Try it with nothing set up: llmbench run --model sim:steady. Set it up: llmbench init
#[derive(Debug, Parser)]
#[command(name = "llmbench", version, long_version = LONG_VERSION, propagate_version = true)]
#[command(arg_required_else_help = true, disable_help_flag = true, disable_version_flag = true)]
#[command(after_help = EXIT_STATUS)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: CliCommand,
    /// Flags that every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// Print help; --help says more than -h
    #[arg(short, long, global = true, action = ArgAction::Help, help_heading = GLOBAL)]
    help: Option<bool>,
    /// Print the version; --version also says commit, date, target and features
    #[arg(short = 'V', long, global = true, action = ArgAction::Version, help_heading = GLOBAL)]
    version: Option<bool>,
}

/// The text of `--version`; see `build.rs` for the commit.
pub const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit    ",
    env!("LLMBENCH_COMMIT"),
    "\ndate      ",
    env!("LLMBENCH_COMMIT_DATE"),
    "\ntarget    ",
    env!("LLMBENCH_TARGET"),
    "\nfeatures  sqlite, mongodb, bridge, parquet"
);

/// The exit statuses, as `--help` and the man pages print them.
pub const EXIT_STATUS: &str = "\
Exit status:
  0    it worked, and the answer is yes
  1    no: a run failed, a gate tripped, or there was nothing to measure
  2    wrong usage or configuration
  3    unhealthy: `status --check` printed why, or nothing could be known
  70   a daemon stood still and was ended; watchdog.json in the state directory
       says which part
  75   not stored yet: results wait in a local file, or the store could not be
       reached
  130  interrupted; what was finished is stored";

/// The heading of the global flags, which follow a command's own.
const GLOBAL: &str = "Everywhere";

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
pub struct GlobalArgs {
    /// Configuration file [env: LLMBENCH_CONFIG] [default: config.toml in the user's configuration directory]
    #[arg(long, value_name = "FILE", global = true, help_heading = GLOBAL)]
    pub config: Option<PathBuf>,
    /// Where results and the catalog are: sqlite:FILE, mongodb://…, or https://… for a bridge [env: LLMBENCH_STORE, then
    /// MONGODB_URI] [default: SQLite in the user's data directory]
    #[arg(long, value_name = "URL", global = true, help_heading = GLOBAL)]
    pub store: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Measure models: one request, one outcome, one row
    Run(Box<run::RunArgs>),
    /// Measure the enabled models around the clock
    Daemon(daemon::DaemonArgs),
    /// The catalog: which models are measured
    Models(models::ModelsArgs),
    /// Models that providers list, against those that are measured
    Catalog(catalog::CatalogArgs),
    /// Measure how wrong this host's own clock is, and whether it may publish
    Calibrate(calibrate::CalibrateArgs),
    /// The built-in simulated provider
    Sim(sim::SimArgs),
    /// The store's tables, collections and indexes
    Db(db::DbArgs),
    /// Set up: write the configuration, and ask one model of each provider
    Init(init::InitArgs),
    /// The settings as they are in force, each with its source
    Config(config::ConfigArgs),
    /// Look whether everything is in order, and say how to mend what is not
    Doctor(doctor::DoctorArgs),
    /// Failures: in groups, one by one, as they happen
    Errors(errors::ErrorsArgs),
    /// The bridge: runners post results over HTTP, without access to the database
    Ingest(ingest::IngestArgs),
    /// Rows between measuring and storing
    Outbox(outbox::OutboxArgs),
    /// Stored runs: the newest, and one with its timeline
    Results(results::ResultsArgs),
    /// Write pages of what was measured: one file, or a site for any static host
    Report(Box<report::ReportArgs>),
    /// State of the measuring: problems first, then every provider, daemons and lanes
    Status(status::StatusArgs),
    /// The script that makes a shell complete commands, flags and names
    Completions(completions::CompletionsArgs),
    /// The man pages: all of them into a directory, or one on standard output
    Man(man::ManArgs),
    /// Words that may stand at the cursor; the completions of shells ask
    #[command(name = "__complete", hide = true)]
    Complete(complete::CompleteArgs),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, CommandFactory};

    fn all() -> Vec<Command> {
        let (mut found, mut waiting) = (Vec::new(), vec![Cli::command()]);
        while let Some(command) = waiting.pop() {
            waiting.extend(command.get_subcommands().cloned());
            found.push(command);
        }
        found
    }

    #[test]
    fn no_footer_is_wrapped_twice_at_eighty_columns() {
        for command in all() {
            let footer = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let lines: Vec<&str> = footer.lines().collect();
            for (place, line) in lines.iter().enumerate() {
                let wide = line.chars().count() > 79;
                // A paragraph may be a single line of any length, which is wrapped once.
                let next = lines.get(place + 1).is_some_and(|next| !next.is_empty());
                assert!(!wide || !line.starts_with(' ') && !next, "{}: {line}", command.get_name());
            }
        }
    }

    #[test]
    fn n_is_how_many_requests_and_lists_are_limited() {
        for command in all() {
            let flag = command.get_arguments().find(|arg| arg.get_short() == Some('n'));
            assert_eq!(flag.is_some(), command.get_name() == "run", "{}", command.get_name());
            let hidden = |arg: &&clap::Arg| {
                arg.get_all_short_aliases().is_some_and(|all| all.contains(&'n')) && !arg.is_hide_set()
            };
            let limit = command.get_arguments().find(hidden).map(|arg| arg.get_long());
            assert!(limit.is_none_or(|long| long == Some("limit")), "{}", command.get_name());
        }
    }

    #[test]
    fn what_every_command_takes_stands_below_its_own() {
        let mut root = Cli::command();
        root.build();
        // clap's own `help` takes no flags, and a hidden command shows none.
        let shown = |command: &&mut Command| command.get_name() != "help" && !command.is_hide_set();
        for command in root.get_subcommands_mut().filter(shown) {
            let help = command.render_long_help().to_string();
            let place = help.find("\nEverywhere:").unwrap_or_else(|| panic!("{help}"));
            let below = &help[place..];
            let (store, own) = (below.contains("--store <URL>"), below.matches("\n      --").count());
            assert!(store && own <= 2, "{help}");
        }
    }
}
