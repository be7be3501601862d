//! The commands: settings in, exit status out. Measuring, storing and showing are joined here; no layer below knows
//! about a command line.

pub mod bridge;
pub mod calibrate;
pub mod catalog;
pub mod changes;
pub mod complete;
pub mod completions;
pub mod config;
pub mod context;
pub mod daemon;
pub mod db;
pub mod doctor;
pub mod errors;
pub mod exit;
pub mod hardening;
pub mod ingest;
pub mod ingest_key;
pub mod init;
pub mod interrupt;
mod list_limit;
pub mod man;
pub mod models;
pub mod notices;
pub mod outbox;
pub mod process_log;
mod prompts;
pub mod report;
pub mod results;
pub mod run;
pub mod scope;
pub mod sim;
pub mod stall_exit;
pub mod status;
mod stdout;
mod unknown_names;

use crate::cli::daemon::DaemonArgs;
use crate::cli::run::RunArgs;
use crate::cli::{Cli, CliCommand};
use crate::domain::secret::Secret;
use crate::output::print;
use crate::settings::{DaemonFlags, Env, FlagOverrides, LimitFlags};
use context::Context;
use exit::{CommandError, Exit};

/// Runs one command to its exit status. Prints errors on standard error.
pub async fn dispatch(cli: Cli, env: Env) -> Exit {
    interrupt::outlive_file_limits();
    carry_out(cli, env).await.unwrap_or_else(|error| tell(&error))
}

async fn carry_out(cli: Cli, env: Env) -> Result<Exit, CommandError> {
    let Cli { command, global, .. } = cli;
    let context = |overrides| Context::new(global.clone(), overrides, env.clone());
    let plain = FlagOverrides::default;
    match command {
        CliCommand::Run(args) => {
            let context = context(overrides(&args))?;
            run::run(*args, context).await
        }
        CliCommand::Daemon(args) => {
            let context = context(daemon_overrides(&args));
            daemon::run(args, context).await
        }
        CliCommand::Models(args) => models::run(args, context(plain())?).await,
        CliCommand::Catalog(args) => catalog::run(args, context(plain())?).await,
        CliCommand::Errors(args) => errors::run(args, context(plain())?).await,
        CliCommand::Ingest(args) => ingest::run(args, context(plain())?).await,
        CliCommand::Outbox(args) => {
            let state_dir = args.state_dir.clone();
            outbox::run(args, context(FlagOverrides { state_dir, ..plain() })?).await
        }
        CliCommand::Results(args) => results::run(args, &env, || context(plain())).await,
        CliCommand::Report(args) => report::run(*args, context(plain())?).await,
        CliCommand::Status(args) => {
            let state_dir = args.state_dir.clone();
            status::run(args, context(FlagOverrides { state_dir, ..plain() })?).await
        }
        CliCommand::Calibrate(args) => calibrate::run(args, context(plain())?).await,
        CliCommand::Config(args) => config::run(&args, &context(plain())?),
        CliCommand::Doctor(args) => doctor::run(args, context(plain())?).await,
        CliCommand::Db(args) => db::run(args, context(plain())?).await,
        // Reads no configuration: it writes one.
        CliCommand::Init(args) => init::run(&args, &global, env.clone()).await,
        // These two need neither a configuration nor a store.
        CliCommand::Completions(args) => completions::run(&args),
        CliCommand::Man(args) => man::run(&args),
        // Opens its own needs, and stays silent if that fails.
        CliCommand::Complete(args) => Ok(complete::run(args, env.clone()).await),
        // Needs neither a configuration nor a store.
        CliCommand::Sim(args) => sim::run(args).await,
    }
}

/// Flags of `run` that override settings.
fn overrides(args: &RunArgs) -> FlagOverrides {
    let total = args.timeout.map(|timeout| timeout.as_secs_f64());
    FlagOverrides {
        profile: args.profile.clone(),
        proxy: args.proxy.clone().map(Secret::new),
        limits: LimitFlags { total, ..LimitFlags::default() },
        ..FlagOverrides::default()
    }
}

/// Flags of `daemon` that override settings.
fn daemon_overrides(args: &DaemonArgs) -> FlagOverrides {
    let daemon = DaemonFlags {
        vantage: args.vantage.clone(),
        only: args.providers.clone(),
        exclude: args.exclude.clone(),
        grace: args.grace,
        store_wait: args.store_wait,
        listen: args.listen.clone(),
    };
    FlagOverrides { daemon, state_dir: args.state_dir.clone(), ..FlagOverrides::default() }
}

fn tell(error: &CommandError) -> Exit {
    print::note(&format!("error: {}", error.message));
    if let Some(hint) = &error.hint {
        print::note(&format!("hint: {hint}"));
    }
    error.exit
}
