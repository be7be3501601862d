//! What each word does: settings in, exit status out. The place where measuring, storing and showing are joined; no
//! layer below knows that there is a command line.

pub mod catalog;
pub mod context;
pub mod db;
pub mod errors;
pub mod exit;
pub mod hardening;
pub mod interrupt;
pub mod models;
pub mod results;
pub mod run;
pub mod scope;
pub mod sim;

use crate::cli::{Cli, Command, Global};
use crate::output::print;
use crate::settings::{Env, LimitFlags, Overrides};
use context::Context;
use exit::{CommandError, Exit};

/// Runs one command to its exit status. What went wrong is told on standard error.
pub async fn dispatch(cli: Cli, env: Env) -> Exit {
    interrupt::outlive_file_limits();
    let ended = match cli.command {
        Command::Sim(args) => sim::run(args).await,
        Command::Db(args) => match context(cli.global, Overrides::default(), env) {
            Ok(context) => db::run(args, context).await,
            Err(error) => Err(error),
        },
        Command::Errors(args) => match context(cli.global, Overrides::default(), env) {
            Ok(context) => errors::run(args, context).await,
            Err(error) => Err(error),
        },
        Command::Results(args) => match context(cli.global, Overrides::default(), env) {
            Ok(context) => results::run(args, context).await,
            Err(error) => Err(error),
        },
        Command::Models(args) => match context(cli.global, Overrides::default(), env) {
            Ok(context) => models::run(args, context).await,
            Err(error) => Err(error),
        },
        Command::Catalog(args) => match context(cli.global, Overrides::default(), env) {
            Ok(context) => catalog::run(args, context).await,
            Err(error) => Err(error),
        },
        Command::Run(args) => {
            let overrides = Overrides {
                profile: args.profile.clone(),
                limits: LimitFlags {
                    total: args.timeout.map(|timeout| timeout.as_secs_f64()),
                    ..LimitFlags::default()
                },
                ..Overrides::default()
            };
            match context(cli.global, overrides, env) {
                Ok(context) => run::run(*args, context).await,
                Err(error) => Err(error),
            }
        }
    };
    ended.unwrap_or_else(|error| tell(&error))
}

fn context(global: Global, overrides: Overrides, env: Env) -> Result<Context, CommandError> {
    Context::new(global, overrides, env)
}

fn tell(error: &CommandError) -> Exit {
    print::note(&format!("error: {}", error.message));
    if let Some(hint) = &error.hint {
        print::note(&format!("hint: {hint}"));
    }
    error.exit
}
