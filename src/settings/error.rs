//! Errors of settings. Each message names the source and the remedy; none repeats a secret. All of them are wrong
//! usage or configuration, never a failed run.

use crate::domain::secret::InvalidKey;
use std::path::PathBuf;

/// An error in a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A configured file cannot be read.
    #[error("{} (named by {named_by}) cannot be read: {reason}", path.display())]
    Unreadable {
        path: PathBuf,
        /// The flag or variable that names it.
        named_by: String,
        /// The system's message.
        reason: String,
    },
    /// A configuration file contains a mistake.
    #[error("{}{}: {message}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
    File {
        path: PathBuf,
        /// Line number, from 1, if known.
        line: Option<usize>,
        message: String,
    },
    /// A value is invalid.
    #[error("{what} ({source_name}): {reason}")]
    Value {
        /// The name of the setting.
        what: String,
        /// The source of the value.
        source_name: String,
        /// The reason why it is invalid.
        reason: String,
    },
    /// No store is configured and there is no home directory for the default one.
    #[error(
        "no store: there is no home directory to keep one in, so name one with --store sqlite:PATH or LLMBENCH_STORE"
    )]
    NoHome,
    /// No state directory is configured and there is no home directory for the default one.
    #[error(
        "no state directory: there is no home directory to have one in, so set LLMBENCH_STATE_DIR, XDG_STATE_HOME or HOME"
    )]
    NoStateDir,
}

/// The reason why there is no key for a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No source has a key.
    #[error("no key for provider `{provider}`: {}", places(provider, vars))]
    Missing {
        provider: String,
        /// The variables that may contain it.
        vars: Vec<String>,
    },
    /// A variable, file or command yields a text that is no key.
    #[error("the key of provider `{provider}` from {place} is unusable: {reason}")]
    Unusable {
        provider: String,
        /// The variable, file or command that yields it.
        place: String,
        /// The reason why it is invalid; never contains the key.
        reason: InvalidKey,
    },
    /// The key file cannot be read.
    #[error("the key file {} cannot be read: {reason}", path.display())]
    Unreadable {
        path: PathBuf,
        /// The system's message.
        reason: String,
    },
    /// Other users can read the file.
    #[error("the key file {path} can be read by others (mode {mode:03o}): run `chmod 600 {path}`", path = path.display())]
    Exposed {
        path: PathBuf,
        /// The file's permission bits.
        mode: u32,
    },
    /// The key command failed.
    #[error("the key command of provider `{provider}` {reason}")]
    Command {
        provider: String,
        /// The kind of failure, with the beginning of the output.
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
