//! Arguments → settings → command → exit status.

use clap::Parser;
use clap::error::{ContextKind, ContextValue};
use llmbench::cli::Cli;
use llmbench::commands::{dispatch, hardening};
use llmbench::settings::Env;
use std::process::ExitCode;

/// Removes hints at commands that are hidden from help.
fn without_hidden_hints(mut error: clap::Error) -> clap::Error {
    const HIDDEN: &str = "__";
    let hints = match error.get(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::Strings(names)) => names.clone(),
        _ => return error,
    };
    let shown: Vec<String> = hints.iter().filter(|name| !name.starts_with(HIDDEN)).cloned().collect();
    if shown.is_empty() {
        error.remove(ContextKind::SuggestedSubcommand);
    } else {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(shown));
    }
    error
}

fn main() -> ExitCode {
    hardening::harden();
    let cli = Cli::try_parse().unwrap_or_else(|error| without_hidden_hints(error).exit());
    let env = Env::from_process();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            llmbench::output::print::note(&format!("error: the event loop cannot be started: {error}"));
            return ExitCode::from(70);
        }
    };
    let exit = runtime.block_on(dispatch(cli, env));
    // A name lookup that hangs must not hold the process: nothing durable waits on those threads.
    runtime.shutdown_background();
    ExitCode::from(exit.code())
}
