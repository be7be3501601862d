//! Resolves the URL of the store. `storage` interprets and opens it.

use super::{Env, SettingsError};
use crate::domain::env_vars::{INGEST_API_URL, LLMBENCH_STORE, MONGODB_URI, RUNNER_CONFIG_URL};
use crate::domain::secret::Secret;
use crate::domain::sourced::{Source, Sourced};
use std::path::Path;

/// The URL of the store: flag, `LLMBENCH_STORE`, file, `MONGODB_URI`, the bridge of the Python runner, a file in the
/// user's data directory. The text may contain a password.
///
/// # Errors
/// [`SettingsError`] if none is configured and there is no home directory.
pub(super) fn resolve(
    flag: Option<&Secret>,
    env: &Env,
    file: Option<(&Secret, &Path)>,
    data_dir: Option<&Path>,
) -> Result<Sourced<Secret>, SettingsError> {
    let from_env =
        |name: &str| env.get(name).map(|value| Sourced::new(Secret::new(value), Source::Env(name.into())));
    let named = flag
        .map(|text| Sourced::new(text.clone(), Source::Flag("--store")))
        .or_else(|| from_env(LLMBENCH_STORE))
        .or_else(|| file.map(|(text, path)| Sourced::new(text.clone(), Source::File(path.to_owned()))))
        .or_else(|| from_env(MONGODB_URI))
        .or_else(|| from_env(INGEST_API_URL))
        .or_else(|| from_env(RUNNER_CONFIG_URL));
    match named {
        Some(found) => Ok(found),
        None => {
            let path = data_dir.ok_or(SettingsError::NoHome)?.join("llmbench.db");
            Ok(Sourced::new(Secret::new(format!("sqlite:{}", path.display())), Source::Default))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(flag: Option<&str>, env: &[(&str, &str)], file: Option<&str>) -> String {
        let env = Env::from_pairs(env.iter().copied());
        let (flag, file) = (flag.map(Secret::new), file.map(Secret::new));
        let file = file.as_ref().map(|text| (text, Path::new("c.toml")));
        match resolve(flag.as_ref(), &env, file, Some(Path::new("/data"))) {
            Ok(store) => format!("{} from {}", store.value.expose(), store.source),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn precedence() {
        let env = [(LLMBENCH_STORE, "e.db"), (MONGODB_URI, "mongodb://m")];
        assert_eq!(found(Some("f.db"), &env, Some("c.db")), "f.db from flag --store");
        assert_eq!(found(None, &env, Some("c.db")), "e.db from environment variable LLMBENCH_STORE");
        assert_eq!(found(None, &env[1..], Some("c.db")), "c.db from file c.toml");
        assert_eq!(found(None, &env[1..], None), "mongodb://m from environment variable MONGODB_URI");
        assert_eq!(found(None, &[], None), "sqlite:/data/llmbench.db from default");
    }

    #[test]
    fn without_a_home_a_store_has_to_be_named() {
        let error = resolve(None, &Env::default(), None, None).unwrap_err();
        assert!(error.to_string().contains("--store sqlite:PATH"));
    }

    #[test]
    fn the_python_runners_bridge_is_the_store_where_nothing_else_is_named() {
        let env = [
            (MONGODB_URI, "mongodb://m"),
            (INGEST_API_URL, "https://h/ingest"),
            (RUNNER_CONFIG_URL, "https://c"),
        ];
        assert_eq!(found(None, &env, None), "mongodb://m from environment variable MONGODB_URI");
        assert_eq!(found(None, &env[1..], None), "https://h/ingest from environment variable INGEST_API_URL");
        assert_eq!(found(None, &env[2..], None), "https://c from environment variable RUNNER_CONFIG_URL");
        assert_eq!(found(None, &env, Some("c.db")), "c.db from file c.toml");
    }
}
