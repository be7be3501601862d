//! What each word does: settings in, exit status out. The place where measuring, storing and showing are joined; no
//! layer below knows that there is a command line.

mod asking;
pub mod bridge;
pub mod catalog;
pub mod complete;
pub mod config;
pub mod context;
pub mod daemon;
mod data;
pub mod db;
pub mod doctor;
pub mod errors;
pub mod exit;
pub mod hardening;
pub mod ingest;
pub mod ingest_key;
pub mod interrupt;
mod known;
mod lists;
pub mod models;
pub mod outbox;
pub mod results;
pub mod run;
pub mod scope;
pub mod sim;
pub mod standstill;
pub mod status;

use crate::cli::daemon::DaemonArgs;
use crate::cli::run::RunArgs;
use crate::cli::{Cli, Command};
use crate::output::print;
use crate::settings::{DaemonFlags, Env, LimitFlags, Overrides};
use context::Context;
use exit::{CommandError, Exit};

/// Runs one command to its exit status. What went wrong is told on standard error.
pub async fn dispatch(cli: Cli, env: Env) -> Exit {
    interrupt::outlive_file_limits();
    carry_out(cli, env).await.unwrap_or_else(|error| tell(&error))
}

async fn carry_out(cli: Cli, env: Env) -> Result<Exit, CommandError> {
    let Cli { command, global, .. } = cli;
    let context = |overrides| Context::new(global, overrides, env.clone());
    let plain = Overrides::default;
    match command {
        Command::Run(args) => {
            let context = context(overrides(&args))?;
            run::run(*args, context).await
        }
        Command::Daemon(args) => {
            let context = context(daemon_overrides(&args));
            daemon::run(args, context).await
        }
        Command::Models(args) => models::run(args, context(plain())?).await,
        Command::Catalog(args) => catalog::run(args, context(plain())?).await,
        Command::Errors(args) => errors::run(args, context(plain())?).await,
        Command::Ingest(args) => ingest::run(args, context(plain())?).await,
        Command::Outbox(args) => {
            let state_dir = args.state_dir.clone();
            outbox::run(args, context(Overrides { state_dir, ..plain() })?).await
        }
        Command::Results(args) => results::run(args, context(plain())?).await,
        Command::Status(args) => {
            let state_dir = args.state_dir.clone();
            status::run(args, context(Overrides { state_dir, ..plain() })?).await
        }
        Command::Config(args) => config::run(&args, &context(plain())?),
        Command::Doctor(args) => doctor::run(args, context(plain())?).await,
        Command::Db(args) => db::run(args, context(plain())?).await,
        // Opens what it needs itself, and says nothing where that cannot be had.
        Command::Complete(args) => Ok(complete::run(args, env.clone()).await),
        // Needs neither a configuration nor a store.
        Command::Sim(args) => sim::run(args).await,
    }
}

/// What flags of `run` say instead of settings.
fn overrides(args: &RunArgs) -> Overrides {
    let total = args.timeout.map(|timeout| timeout.as_secs_f64());
    Overrides {
        profile: args.profile.clone(),
        limits: LimitFlags { total, ..LimitFlags::default() },
        ..Overrides::default()
    }
}

/// What flags of `daemon` say instead of settings.
fn daemon_overrides(args: &DaemonArgs) -> Overrides {
    let daemon = DaemonFlags {
        vantage: args.vantage.clone(),
        only: args.providers.clone(),
        exclude: args.exclude.clone(),
        grace: args.grace,
        store_wait: args.store_wait,
        listen: args.listen.clone(),
    };
    Overrides { daemon, state_dir: args.state_dir.clone(), ..Overrides::default() }
}

fn tell(error: &CommandError) -> Exit {
    print::note(&format!("error: {}", error.message));
    if let Some(hint) = &error.hint {
        print::note(&format!("hint: {hint}"));
    }
    error.exit
}
