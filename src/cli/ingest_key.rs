//! `llmbench ingest key`: the keys under which remote runners post.

use crate::cli::values;
use clap::{Args, Subcommand, ValueEnum};
use std::time::Duration;

/// Keys of remote runners
#[derive(Debug, Args)]
#[command(after_help = MEANING)]
pub struct IngestKeyArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: IngestKeyCommand,
}

/// An explanation of keys, printed by `--help` and the man page.
const MEANING: &str = "\
A key is printed once, when it is made; the store keeps its SHA-256 alone. Running bridges follow within seconds. To change \
a runner's key without a gap: rotate, put the new key on the runner, and the old one ends by itself.";

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum IngestKeyCommand {
    /// Make a key for a runner and print it, this one time
    Add(IngestKeyAddArgs),
    /// Keys: whose, what they allow, when they were last used
    List(IngestKeyListArgs),
    /// Make the next key for a runner; the present one counts for a while longer
    Rotate(IngestKeyRotateArgs),
    /// Take a key back, at once and for good
    Revoke(IngestKeyRevokeArgs),
}

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ActionArg {
    /// Post results
    Ingest,
    /// Post failures
    Error,
    /// Post what a provider lists
    Catalog,
    /// Read which models to measure
    Config,
}

/// Make a key for a runner and print it, this one time
#[derive(Debug, Args)]
pub struct IngestKeyAddArgs {
    /// Name of the runner, as `status` shows it
    #[arg(value_name = "NAME", value_parser = name)]
    pub name: String,
    /// A provider that it is for (repeatable)
    #[arg(long = "provider", value_name = "PROVIDER", required_unless_present = "all_providers")]
    pub providers: Vec<String>,
    /// Make it for a provider that this machine does not know, too: a runner may have hosts of its own
    #[arg(long)]
    pub force: bool,
    /// It is for all providers
    #[arg(long, conflicts_with = "providers")]
    pub all_providers: bool,
    /// Action that the key allows (repeatable) [default: everything that a runner does]
    #[arg(long = "allow", value_enum, value_name = "ACTION")]
    pub actions: Vec<ActionArg>,
    /// When it ends by itself, from now: 90d, 12h [default: never]
    #[arg(long, value_name = "TIME", value_parser = days)]
    pub expires: Option<Duration>,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
}

/// Keys: whose, what they allow, when they were last used
#[derive(Debug, Args)]
pub struct IngestKeyListArgs {
    /// Keys that have ended too
    #[arg(long)]
    pub all: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
    /// Every column, however wide the terminal is
    #[arg(long)]
    pub wide: bool,
}

/// Make the next key for a runner; the present one counts for a while longer
#[derive(Debug, Args)]
pub struct IngestKeyRotateArgs {
    /// The runner's name, or the id of its key
    #[arg(value_name = "NAME|ID")]
    pub key: String,
    /// Time for which the present key still counts: 24h, 7d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = days)]
    pub overlap: Duration,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
}

/// Take a key back, at once and for good
#[derive(Debug, Args)]
pub struct IngestKeyRevokeArgs {
    /// The key's id
    #[arg(value_name = "ID")]
    pub id: String,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
}

/// A name that can be shown unchanged in lists, logs and rows.
fn name(text: &str) -> Result<String, String> {
    let fits = |ch: char| ch.is_ascii_alphanumeric() || "._-".contains(ch);
    if (1..=60).contains(&text.len()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("write letters, digits, `.`, `-` and `_`, at most 60, such as aws-frankfurt".to_owned())
    }
}

/// A duration that may be in days.
fn days(text: &str) -> Result<Duration, String> {
    match text.strip_suffix('d').map(str::parse::<u32>) {
        Some(Ok(days)) if (1..=3650).contains(&days) => Ok(Duration::from_secs(u64::from(days) * 86_400)),
        Some(_) => Err("write 1d to 3650d, or 12h".to_owned()),
        None => values::duration(text).map_err(|why| why + ", or 90d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_times_are_plain() {
        assert_eq!(name("aws-1.eu_b"), Ok("aws-1.eu_b".to_owned()));
        for wrong in ["", "a b", "a\nb", "ä", &"x".repeat(61)] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
        assert_eq!(days("90d"), Ok(Duration::from_secs(90 * 86_400)));
        assert_eq!(days("12h"), Ok(Duration::from_secs(12 * 3_600)));
        for wrong in ["0d", "d", "-1d", "9999d", "soon", "1.5d"] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
    }
}
