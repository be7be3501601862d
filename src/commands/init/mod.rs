//! `llmbench init`: the first steps. Collects answers from flags and at the terminal, writes the configuration, asks one model
//! of each provider once, and says what to type next.

mod answers;
mod config_file;
mod next_steps;
mod probes;
mod questions;

use crate::cli::GlobalArgs;
use crate::cli::init::InitArgs;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::commands::stdout;
use crate::domain::sourced::Source;
use crate::output::init::{InitReport, SetUpProvider};
use crate::output::print;
use crate::settings::{Env, FlagOverrides, NewConfig};
use answers::InitAnswers;
use chrono::Utc;
use probes::ProbeSession;

/// Runs `llmbench init` to its exit status.
///
/// # Errors
/// Status 2 if an answer is missing or cannot be used, or if a file is there already; then nothing is written.
pub async fn run(args: &InitArgs, global: &GlobalArgs, env: Env) -> Result<Exit, CommandError> {
    let path = config_file::destination(global.config.as_deref(), &env, args.force)?;
    let blank = Context::without_file(global.store.as_deref(), env.clone())?;
    let interrupt = Interrupt::listen().map_err(CommandError::usage)?;
    let answers = answers::collect(args, &blank, &path, &interrupt.stop).await?;
    let Some(InitAnswers { config, models }) = answers else {
        print::note("nothing was chosen; nothing was written");
        return Ok(Exit::Yes);
    };
    config.settings(&path, env.clone()).map_err(|error| {
        CommandError::usage(error).hint("nothing was written; `llmbench init --help` describes each answer")
    })?;
    config_file::write(&path, &config.text(), args.force)?;
    print::note(&format!("{} is written, and its owner alone can read it", path.display()));
    // From here on everything is as later commands will find it.
    let named = GlobalArgs { config: Some(path.clone()), store: None };
    let context = Context::new(named, FlagOverrides::default(), env.clone())?;
    warn(&config, &context);
    let (probes, exit) = if args.no_probe {
        (Vec::new(), Exit::Yes)
    } else {
        let session = ProbeSession { context: &context, interrupt: &interrupt, yes: args.yes };
        session.run(&config, models).await?
    };
    let flag = global.config.as_deref();
    let report = InitReport {
        as_of: Utc::now(),
        store: context.store_location().map(|store| store.value.to_string()).unwrap_or_default(),
        providers: config.providers.iter().map(|provider| set_up(&provider.name, &context)).collect(),
        next: next_steps::next(&config, &probes, &context, flag),
        config: path,
        probes,
    };
    stdout::text(&if args.json { report.json() } else { report.text() })?;
    Ok(exit)
}

/// Tells what differs from the answers, and what the file holds that is a secret.
fn warn(config: &NewConfig, context: &Context) {
    let in_force = context.settings.store().map(|store| store.source);
    if let (Some(_), Ok(Source::Env(name))) = (&config.store, in_force) {
        print::note(&format!("warning: {name} is set, and wins over the store in the file"));
    }
    for secret in context.settings.secrets_in_file() {
        print::note(&format!("the file holds {secret}; in LLMBENCH_STORE it would stand in no file"));
    }
}

fn set_up(provider: &str, context: &Context) -> SetUpProvider {
    let settings = &context.settings;
    let host = settings.hosts.iter().find(|host| host.name == provider);
    let variables = host.map(|host| host.key_names()).unwrap_or_default();
    let set = settings.env().first(&variables).map(|(name, _)| name);
    SetUpProvider {
        provider: provider.to_owned(),
        key_variable: set.or_else(|| variables.first().copied()).map(str::to_owned),
        key_is_set: set.is_some(),
        is_configured: host.is_some_and(|host| settings.is_configured(host)),
    }
}
