//! `llmbench completions`: prints the script of a shell, as `completions/` has it. The scripts ask the program for everything,
//! so they are the same for every release.

use crate::cli::completions::{CompletionShell, CompletionsArgs};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::stdout;

/// Prints the script.
///
/// # Errors
/// Status 1 if standard output takes no more.
pub fn run(args: &CompletionsArgs) -> Result<Exit, CommandError> {
    stdout::text(match args.shell {
        CompletionShell::Bash => include_str!("../../completions/llmbench.bash"),
        CompletionShell::Zsh => include_str!("../../completions/_llmbench"),
        CompletionShell::Fish => include_str!("../../completions/llmbench.fish"),
    })?;
    Ok(Exit::Yes)
}
