//! Arguments → settings → command → exit status.

use clap::Parser;
use llmbench::cli::Cli;
use llmbench::commands::{dispatch, hardening};
use llmbench::settings::Env;
use std::process::ExitCode;

fn main() -> ExitCode {
    hardening::harden();
    let cli = Cli::parse();
    let env = Env::from_process();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            llmbench::output::print::note(&format!("error: no event loop can be had: {error}"));
            return ExitCode::from(70);
        }
    };
    let exit = runtime.block_on(dispatch(cli, env));
    // A name lookup that hangs must not hold the process: nothing durable waits on those threads.
    runtime.shutdown_background();
    ExitCode::from(exit.code())
}
