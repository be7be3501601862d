//! Resolves the file of the private key that signs manifests of exports. `export` knows what such a key is.

use super::{Env, SettingsError, keys};
use crate::domain::env_vars::LLMBENCH_SIGNING_KEY_FILE;
use crate::domain::secret::Secret;
use crate::domain::sourced::{Source, Sourced};
use std::path::{Path, PathBuf};

/// The file: `LLMBENCH_SIGNING_KEY_FILE`, then the value in the file at that path; `None` if nothing is signed.
pub(super) fn resolve(env: &Env, in_file: Option<(&Path, &Path)>) -> Option<Sourced<PathBuf>> {
    let named = env.get(LLMBENCH_SIGNING_KEY_FILE);
    let named = named.map(|path| Sourced::new(path.into(), Source::Env(LLMBENCH_SIGNING_KEY_FILE.into())));
    named.or_else(|| in_file.map(|(path, file)| Sourced::new(path.to_owned(), Source::File(file.to_owned()))))
}

/// Reads the file. One that others can read is refused.
///
/// # Errors
/// [`SettingsError::Value`], which repeats nothing of it.
pub(super) fn read(file: &Sourced<PathBuf>) -> Result<Secret, SettingsError> {
    keys::read_file(&file.value).map(Secret::new).map_err(|error| SettingsError::Value {
        what: "signing_key_file".to_owned(),
        source_name: file.source.to_string(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_wins_over_the_file() {
        let env = Env::from_pairs([(LLMBENCH_SIGNING_KEY_FILE, "/e.pem")]);
        let in_file = Some((Path::new("/f.pem"), Path::new("c.toml")));
        let found = |env: &Env, in_file| resolve(env, in_file).map(|file| (file.value, file.source));
        let of_env = Source::Env(LLMBENCH_SIGNING_KEY_FILE.into());
        assert_eq!(found(&env, in_file), Some(("/e.pem".into(), of_env)));
        let none = Env::default();
        assert_eq!(found(&none, in_file), Some(("/f.pem".into(), Source::File("c.toml".into()))));
        assert_eq!(found(&none, None), None);
    }
}
