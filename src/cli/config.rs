//! `llmbench config`: shows the resolved settings with their sources.

use clap::{Args, Subcommand};

/// The settings as they are in force
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// What to show.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What to show.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Every setting, its value and where that came from: flag, environment, file or default; secrets as set or unset
    Show(ConfigShowArgs),
    /// The configuration file that is read; exit 1 where there is none
    Path,
}

/// What is shown, and how.
#[derive(Debug, Args)]
pub struct ConfigShowArgs {
    /// Also keys, addresses of notices and other settings that nobody has set
    #[arg(short, long)]
    pub verbose: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
}
