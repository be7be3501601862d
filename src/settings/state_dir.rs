//! Where a daemon keeps its state, and `run` what could not be stored. What lies in the directory is its users' affair.

use super::{Env, SettingsError};
use crate::domain::names::{LLMBENCH_STATE_DIR, XDG_STATE_HOME};
use crate::domain::sourced::{Source, Sourced};
use std::path::{Path, PathBuf};

/// The state directory that counts: flag, `LLMBENCH_STATE_DIR`, `llmbench` in the user's state directory. Not created.
///
/// # Errors
/// [`SettingsError::Value`] where nothing is named and there is no home directory.
pub fn state_dir(flag: Option<&Path>, env: &Env) -> Result<Sourced<PathBuf>, SettingsError> {
    if let Some(path) = flag {
        return Ok(Sourced::new(path.to_owned(), Source::Flag("--state-dir")));
    }
    if let Some(path) = env.get(LLMBENCH_STATE_DIR) {
        return Ok(Sourced::new(path.into(), Source::Env(LLMBENCH_STATE_DIR.into())));
    }
    let named = env.get(XDG_STATE_HOME).map(|home| PathBuf::from(home).join("llmbench"));
    let own = || {
        let directories = directories::ProjectDirs::from("", "", "llmbench")?;
        Some(directories.state_dir().unwrap_or_else(|| directories.data_dir()).to_owned())
    };
    let path = named.or_else(own).ok_or_else(|| SettingsError::Value {
        what: "state directory".into(),
        source_name: Source::Default.to_string(),
        reason: "there is no home directory: set HOME, XDG_STATE_HOME or LLMBENCH_STATE_DIR".into(),
    })?;
    Ok(Sourced::new(path, Source::Default))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence() {
        let env = Env::from_pairs([(LLMBENCH_STATE_DIR, "/e"), (XDG_STATE_HOME, "/x")]);
        let found = |flag: Option<&str>, env: &Env| state_dir(flag.map(Path::new), env).unwrap();
        assert_eq!(found(Some("/f"), &env), Sourced::new("/f".into(), Source::Flag("--state-dir")));
        assert_eq!(found(None, &env).value, Path::new("/e"));
        let env = Env::from_pairs([(XDG_STATE_HOME, "/x")]);
        assert_eq!(found(None, &env), Sourced::new("/x/llmbench".into(), Source::Default));
    }
}
