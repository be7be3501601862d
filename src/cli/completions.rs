//! `llmbench completions`: the script that makes a shell complete commands, flags and names.

use clap::{Args, ValueEnum};

/// The completions of a shell
#[derive(Debug, Args)]
#[command(after_help = PLACES)]
pub struct CompletionsArgs {
    /// Shell whose script is printed
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: CompletionShell,
}

/// The shells that have a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompletionShell {
    Bash,
    Zsh,
    Fish,
}

/// Where each shell looks for the script, printed by `--help` and the man page.
const PLACES: &str = "\
Where each shell looks for it (zsh: with ~/.zfunc in fpath, before compinit):
  bash  ~/.local/share/bash-completion/completions/llmbench
  zsh   ~/.zfunc/_llmbench
  fish  ~/.config/fish/completions/llmbench.fish";
