//! Why settings do not add up. Each message says where and what to do; none repeats a secret. All of them are wrong usage
//! or configuration, never a failed run.

use crate::domain::secret::InvalidKey;
use std::path::PathBuf;

/// Why settings do not add up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A configuration file was named and cannot be read.
    #[error("{} (named by {named_by}) cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Who named it.
        named_by: String,
        /// The system's words.
        reason: String,
    },
    /// A configuration file holds a mistake.
    #[error("{}{}: {message}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
    File {
        /// The file.
        path: PathBuf,
        /// Its line, from 1, where it is known.
        line: Option<usize>,
        /// What is wrong.
        message: String,
    },
    /// A value cannot be used.
    #[error("{what} ({source_name}): {reason}")]
    Value {
        /// Which setting.
        what: String,
        /// Where it came from.
        source_name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No store is named and there is no home directory to keep one in.
    #[error(
        "no store: there is no home directory to keep one in, so name one with --store sqlite:PATH or LLMBENCH_STORE"
    )]
    NoHome,
    /// No state directory is named and there is no home directory to have one in.
    #[error(
        "no state directory: there is no home directory to have one in, so set LLMBENCH_STATE_DIR, XDG_STATE_HOME or HOME"
    )]
    NoStateDir,
}

/// Why there is no key for a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nobody gives one.
    #[error("no key for provider `{provider}`: {}", places(provider, vars))]
    Missing {
        /// The provider's name.
        provider: String,
        /// The variables that could hold it.
        vars: Vec<String>,
    },
    /// What a variable, file or command gives is no key.
    #[error("the key of provider `{provider}` from {place} is unusable: {reason}")]
    Unusable {
        /// The provider's name.
        provider: String,
        /// The variable, file or command.
        place: String,
        /// What is wrong with it; never the key.
        reason: InvalidKey,
    },
    /// The file cannot be read.
    #[error("the key file {} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// Others can read the file.
    #[error("the key file {path} can be read by others (mode {mode:03o}): run `chmod 600 {path}`", path = path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The command failed.
    #[error("the key command of provider `{provider}` {reason}")]
    Command {
        /// The provider's name.
        provider: String,
        /// How it failed, with the beginning of what it said.
        reason: String,
    },
}

fn places(provider: &str, vars: &[String]) -> String {
    let file = format!("key_file or key_command under [providers.{provider}]");
    if vars.is_empty() {
        format!("set key_env, {file}")
    } else {
        format!("set {}, or {file}", vars.join(" or "))
    }
}
