//! The keys of the Python runners, from the environment. The store contains the named keys.

use super::{Env, SettingsError};
use crate::domain::env_vars::{INGEST_API_KEY, RUNNER_CONFIG_TOKEN};
use crate::domain::secret::Secret;

/// The shortest key that a bridge accepts from its environment, bytes.
const SHORTEST_KEY: usize = 16;

/// The two keys of the Python bridge.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LegacyKeys {
    /// `INGEST_API_KEY`: posts results, errors and lists.
    pub ingest: Option<Secret>,
    /// `RUNNER_CONFIG_TOKEN`: reads the work list.
    pub config: Option<Secret>,
}

/// The keys, as far as they are set.
///
/// # Errors
/// [`SettingsError::Value`] if one of them cannot be sent in a header or is too short; the key is not repeated.
pub fn legacy_keys(env: &Env) -> Result<LegacyKeys, SettingsError> {
    let key = |name: &str| {
        let wrong = |reason: String| SettingsError::Value {
            what: "key of the bridge".to_owned(),
            source_name: format!("environment variable {name}"),
            reason,
        };
        let read = env.get(name).map(Secret::key).transpose().map_err(|bad| wrong(bad.to_string()))?;
        match read {
            Some(key) if key.expose().len() < SHORTEST_KEY => Err(wrong(format!(
                "it has fewer than {SHORTEST_KEY} characters and could be guessed: take `openssl rand -hex 32`"
            ))),
            read => Ok(read),
        }
    };
    Ok(LegacyKeys { ingest: key(INGEST_API_KEY)?, config: key(RUNNER_CONFIG_TOKEN)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_no_header_can_carry_is_named_and_not_shown() {
        let env = Env::from_pairs([(INGEST_API_KEY, "sixteen-letters!"), (RUNNER_CONFIG_TOKEN, "")]);
        let keys = legacy_keys(&env).unwrap();
        assert_eq!((keys.ingest.as_ref().map(Secret::expose), keys.config), (Some("sixteen-letters!"), None));
        let said = legacy_keys(&Env::from_pairs([(RUNNER_CONFIG_TOKEN, "canary key")])).unwrap_err();
        let said = said.to_string();
        assert!(said.contains(RUNNER_CONFIG_TOKEN) && !said.contains("canary"), "{said}");
        let said =
            legacy_keys(&Env::from_pairs([(INGEST_API_KEY, "canary-15-chars")])).unwrap_err().to_string();
        assert!(said.contains("fewer than 16 characters") && !said.contains("canary"), "{said}");
    }
}
