//! Settings of a bridge that is configured as the store: keys, addresses, deadlines, the cache file of its work list.
//! Variables of the Python runner keep their meaning, so that a container is migrated by changing its image.

use super::{Env, SettingsError, python_runner};
use crate::domain::env_vars::{
    INGEST_API_KEY, INGEST_API_URL, INGEST_CATALOG_URL, INGEST_ERROR_URL, LLMBENCH_BRIDGE_KEY,
    LLMBENCH_BRIDGE_PLAIN_HTTP, RUNNER_CATALOG_INTERVAL_SECONDS, RUNNER_CONFIG_CACHE_PATH,
    RUNNER_CONFIG_GRACE_SECONDS, RUNNER_CONFIG_TIMEOUT_SECONDS, RUNNER_CONFIG_TOKEN, RUNNER_CONFIG_URL,
};
use crate::domain::secret::Secret;
use crate::domain::sourced::Source;
use crate::storage::BridgeUrl;
use std::path::PathBuf;
use std::time::Duration;

/// The longest time that can be set, seconds: 31 days.
const LONGEST: f64 = 31.0 * 86_400.0;
/// Name of the cache file of work lists in the state directory.
const LIST_FILE: &str = "worklist.json";
/// The bridge's path for failures.
const ERROR_PATH: &str = "/ingest/error";

#[derive(Debug, Clone, PartialEq)]
pub struct BridgeSettings {
    pub posts: Secret,
    /// The key for work lists; equal to `posts` if one key serves both.
    pub lists: Secret,
    /// URL of work lists, if it is not below the bridge's address.
    pub config_url: Option<BridgeUrl>,
    /// URL to which Bedrock's list is posted, if it is not below the bridge's address.
    pub catalog_url: Option<BridgeUrl>,
    /// True if keys may be sent unencrypted.
    pub plain_http: bool,
    /// The cache file of the last work lists.
    pub list_file: PathBuf,
    /// Time for which they are valid while the bridge is unreachable.
    pub grace: Duration,
    /// Deadline of an answer.
    pub timeout: Duration,
    /// Time from one post of Bedrock's list to the next.
    pub catalog_every: Duration,
}

/// The settings of the bridge that `source` names. The Python runner's addresses of single paths apply if the Python
/// runner's variables name the bridge.
///
/// # Errors
/// [`SettingsError`] that names the missing or invalid variable, and never repeats a key.
pub(super) fn resolve(
    env: &Env,
    source: &Source,
    state_dir: impl FnOnce() -> Result<PathBuf, SettingsError>,
) -> Result<BridgeSettings, SettingsError> {
    let theirs =
        [INGEST_API_URL, RUNNER_CONFIG_URL].iter().any(|name| *source == Source::Env((*name).into()));
    let url = |name: &str| match env.get(name).filter(|_| theirs) {
        None => Ok(None),
        Some(text) => BridgeUrl::exactly(text).map(Some).map_err(|error| wrong(name, error.to_string())),
    };
    let both = key(env, LLMBENCH_BRIDGE_KEY)?;
    let one = |name: &str| match (&both, key(env, name)?) {
        (Some(both), _) => Ok(both.clone()),
        (None, Some(one)) => Ok(one),
        (None, None) => Err(no_key(name)),
    };
    if let (Some(failures), Some(results)) = (url(INGEST_ERROR_URL)?, url(INGEST_API_URL)?)
        && failures != results.without("/ingest").join(ERROR_PATH)
    {
        let why = "failures go to the bridge together with results: unset it".to_owned();
        return Err(wrong(INGEST_ERROR_URL, why));
    }
    Ok(BridgeSettings {
        posts: one(INGEST_API_KEY)?,
        // An emergency list replaces the bridge's, so there is nothing to ask for.
        lists: match python_runner::models(env) {
            Some(_) => one(RUNNER_CONFIG_TOKEN).or_else(|_| one(INGEST_API_KEY))?,
            None => one(RUNNER_CONFIG_TOKEN)?,
        },
        // The address of a whole bridge has its lists at the default paths.
        config_url: url(RUNNER_CONFIG_URL)?.filter(|url| url.path() != "/"),
        catalog_url: url(INGEST_CATALOG_URL)?,
        plain_http: env.get(LLMBENCH_BRIDGE_PLAIN_HTTP).is_some_and(|word| word != "0"),
        list_file: match env.get(RUNNER_CONFIG_CACHE_PATH) {
            Some(path) => path.into(),
            None => state_dir()?.join(LIST_FILE),
        },
        grace: seconds(env, RUNNER_CONFIG_GRACE_SECONDS, 6 * 3600)?,
        timeout: seconds(env, RUNNER_CONFIG_TIMEOUT_SECONDS, 10)?,
        catalog_every: seconds(env, RUNNER_CATALOG_INTERVAL_SECONDS, 12 * 3600)?,
    })
}

fn key(env: &Env, name: &str) -> Result<Option<Secret>, SettingsError> {
    env.get(name).map(Secret::key).transpose().map_err(|bad| wrong(name, bad.to_string()))
}

fn no_key(name: &str) -> SettingsError {
    SettingsError::Value {
        what: "key of the bridge".to_owned(),
        source_name: "environment".to_owned(),
        reason: format!(
            "there is none: set {LLMBENCH_BRIDGE_KEY} to the key that `llmbench ingest key add` printed, or the \
             Python runner's {INGEST_API_KEY} and {RUNNER_CONFIG_TOKEN} ({name} is missing)"
        ),
    }
}

fn seconds(env: &Env, name: &str, default: u64) -> Result<Duration, SettingsError> {
    let Some(text) = env.get(name) else { return Ok(Duration::from_secs(default)) };
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && *seconds <= LONGEST);
    let wrong = || wrong(name, "it is no number of seconds above 0 and up to 31 days".to_owned());
    seconds.map(Duration::from_secs_f64).ok_or_else(wrong)
}

fn wrong(name: &str, reason: String) -> SettingsError {
    let source_name = Source::Env(name.to_owned()).to_string();
    SettingsError::Value { what: "bridge".to_owned(), source_name, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(source: &str, env: &[(&str, &str)]) -> Result<BridgeSettings, String> {
        let env = Env::from_pairs(env.iter().copied());
        let source =
            if source == "--store" { Source::Flag("--store") } else { Source::Env(source.to_owned()) };
        resolve(&env, &source, || Ok(PathBuf::from("/state"))).map_err(|error| error.to_string())
    }

    #[test]
    fn one_key_is_enough_and_the_python_runners_pair_is_too() {
        let one = settled("--store", &[(LLMBENCH_BRIDGE_KEY, "k"), (INGEST_API_KEY, "old")]).unwrap();
        assert_eq!((one.posts.expose(), one.lists.expose()), ("k", "k"));
        assert_eq!((one.list_file, one.grace.as_secs()), (PathBuf::from("/state/worklist.json"), 21_600));
        let pair = settled("--store", &[(INGEST_API_KEY, "a"), (RUNNER_CONFIG_TOKEN, "b")]).unwrap();
        assert_eq!((pair.posts.expose(), pair.lists.expose()), ("a", "b"));
        for (env, name) in [
            (&[][..], INGEST_API_KEY),
            (&[(INGEST_API_KEY, "canary")], RUNNER_CONFIG_TOKEN),
            (&[(LLMBENCH_BRIDGE_KEY, "canary key")], LLMBENCH_BRIDGE_KEY),
        ] {
            let said = settled("--store", env).unwrap_err();
            assert!(said.contains(name) && !said.contains("canary"), "{said}");
        }
    }

    #[test]
    fn the_python_runners_variables_keep_their_meaning() {
        let env = [
            (LLMBENCH_BRIDGE_KEY, "k"),
            (INGEST_API_URL, "https://h/ingest/"),
            (INGEST_ERROR_URL, "https://h/ingest/error"),
            (INGEST_CATALOG_URL, "https://c/lists"),
            (RUNNER_CONFIG_URL, "https://h/runner-config"),
            (RUNNER_CONFIG_CACHE_PATH, "/var/lib/x.json"),
            (RUNNER_CONFIG_GRACE_SECONDS, "60"),
            (RUNNER_CONFIG_TIMEOUT_SECONDS, "2.5"),
            (RUNNER_CATALOG_INTERVAL_SECONDS, "3600"),
        ];
        let found = settled(INGEST_API_URL, &env).unwrap();
        assert_eq!(found.config_url.unwrap().path(), "/runner-config");
        assert_eq!(found.catalog_url.unwrap().to_string(), "https://c/lists");
        assert_eq!(
            (found.list_file, found.grace),
            (PathBuf::from("/var/lib/x.json"), Duration::from_secs(60))
        );
        assert_eq!((found.timeout.as_millis(), found.catalog_every.as_secs()), (2500, 3600));
        let flag = settled("--store", &env).unwrap();
        assert_eq!((flag.config_url, flag.catalog_url), (None, None), "a flag names the whole bridge");
    }

    #[test]
    fn mistakes_are_named() {
        for (name, value) in [
            (RUNNER_CONFIG_GRACE_SECONDS, "soon"),
            (RUNNER_CONFIG_TIMEOUT_SECONDS, "0"),
            (RUNNER_CONFIG_URL, "https://u:canary@h/"),
            (INGEST_ERROR_URL, "https://elsewhere/errors"),
        ] {
            let env = [(LLMBENCH_BRIDGE_KEY, "k"), (INGEST_API_URL, "https://h/ingest"), (name, value)];
            let said = settled(INGEST_API_URL, &env).unwrap_err();
            assert!(said.contains(name) && !said.contains("canary"), "{said}");
        }
    }
}
