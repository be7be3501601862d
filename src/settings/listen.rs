//! Resolves the address of a daemon's monitoring endpoints.

use super::{Env, SettingsError};
use crate::domain::env_vars::LLMBENCH_LISTEN;
use crate::domain::listen::ListenAddress;
use crate::domain::sourced::Source;
use std::path::Path;

/// The address: flag, `LLMBENCH_LISTEN`, the value in the file at that path; `None` if none is set.
///
/// # Errors
/// [`SettingsError::Value`] if it is neither an address nor `none`.
pub(super) fn resolve(
    flag: Option<&str>,
    env: &Env,
    in_file: Option<(&str, &Path)>,
) -> Result<Option<ListenAddress>, SettingsError> {
    let flagged = flag.map(|text| (text, Source::Flag("--listen")));
    let from_env = || env.get(LLMBENCH_LISTEN).map(|text| (text, Source::Env(LLMBENCH_LISTEN.to_owned())));
    let written = || in_file.map(|(text, path)| (text, Source::File(path.to_owned())));
    let Some((text, source)) = flagged.or_else(from_env).or_else(written) else { return Ok(None) };
    let wrong =
        |reason| SettingsError::Value { what: "listen".to_owned(), source_name: source.to_string(), reason };
    text.parse().map(Some).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_counts_and_a_wrong_one_names_its_place() {
        let found = |flag: Option<&str>, env: &[(&str, &str)], file: Option<&str>| {
            let in_file = file.map(|text| (text, Path::new("/c.toml")));
            let found = resolve(flag, &Env::from_pairs(env.iter().copied()), in_file);
            found.map(|listen| listen.map(|listen| listen.to_string())).map_err(|error| error.to_string())
        };
        let env = [(LLMBENCH_LISTEN, "none")];
        assert_eq!(found(None, &[], None), Ok(None));
        assert_eq!(found(None, &[], Some("[::1]:1")), Ok(Some("[::1]:1".to_owned())));
        assert_eq!(found(None, &env, Some("[::1]:1")), Ok(Some("none".to_owned())));
        assert_eq!(found(Some("127.0.0.1:0"), &env, None), Ok(Some("127.0.0.1:0".to_owned())));
        let said = found(Some("9464"), &env, None).unwrap_err();
        assert!(said.contains("listen (flag --listen)") && said.contains("write 127.0.0.1:9464"), "{said}");
    }
}
