//! Resolves the directory of local state: undelivered results, a daemon's outbox and its status report.

use super::{Env, SettingsError};
use crate::domain::env_vars::{LLMBENCH_STATE_DIR, XDG_STATE_HOME};
use crate::domain::sourced::{Source, Sourced};
use std::path::{Path, PathBuf};

/// The directory: flag, `LLMBENCH_STATE_DIR`, the value in the file at that path, `llmbench` under `XDG_STATE_HOME`,
/// the user's own. Nothing is created.
///
/// # Errors
/// [`SettingsError::NoStateDir`] if none is configured and there is no home directory.
pub(super) fn resolve(
    flag: Option<&Path>,
    env: &Env,
    in_file: Option<(&Path, &Path)>,
) -> Result<Sourced<PathBuf>, SettingsError> {
    let from_env = |name: &str, below: &str| {
        env.get(name).map(|value| Sourced::new(Path::new(value).join(below), Source::Env(name.into())))
    };
    let own = || {
        let directories = directories::ProjectDirs::from("", "", "llmbench")?;
        let own = directories.state_dir().unwrap_or_else(|| directories.data_dir());
        Some(Sourced::new(own.to_owned(), Source::Default))
    };
    flag.map(|path| Sourced::new(path.to_owned(), Source::Flag("--state-dir")))
        .or_else(|| from_env(LLMBENCH_STATE_DIR, ""))
        .or_else(|| in_file.map(|(said, file)| Sourced::new(said.to_owned(), Source::File(file.to_owned()))))
        .or_else(|| from_env(XDG_STATE_HOME, "llmbench"))
        .or_else(own)
        .ok_or(SettingsError::NoStateDir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence() {
        let env = [(LLMBENCH_STATE_DIR, "/var/lib/llmbench"), (XDG_STATE_HOME, "/home/u/state")];
        let found = |flag: Option<&str>, env: &[(&str, &str)]| {
            let found = resolve(flag.map(Path::new), &Env::from_pairs(env.iter().copied()), None).unwrap();
            format!("{} from {}", found.value.display(), found.source)
        };
        assert_eq!(found(Some("/s"), &env), "/s from flag --state-dir");
        assert_eq!(found(None, &env), "/var/lib/llmbench/ from environment variable LLMBENCH_STATE_DIR");
        assert_eq!(found(None, &env[1..]), "/home/u/state/llmbench from environment variable XDG_STATE_HOME");
    }
}
