//! The configuration file as written: its tables and keys, typed; unknown keys are refused. It also locates the file;
//! `settings::resolve` combines it with flags and environment.

use super::daemon_table::DaemonTable;
use super::report::ReportTable;
use super::{Env, SettingsError, file_error};
use crate::domain::env_vars::LLMBENCH_CONFIG;
use crate::domain::secret::Secret;
use crate::domain::sourced::{Source, Sourced};
use crate::providers::protocols::Dialect;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfigFile {
    /// The store of outcomes; may contain a password.
    pub store: Option<Secret>,
    /// Ids of the profiles whose rows go to the public collection.
    pub published_profiles: Option<Vec<String>>,
    /// File of the private key that signs manifests of exports, relative to the configuration file.
    pub signing_key_file: Option<PathBuf>,
    pub defaults: Defaults,
    pub profiles: BTreeMap<String, ProfileEntry>,
    pub providers: BTreeMap<String, ProviderEntry>,
    pub notify: NotifyEntry,
    pub report: ReportTable,
    pub daemon: DaemonTable,
}

/// `[notify]`: the recipients of notices about providers' lists.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyEntry {
    /// Mail server: `smtp://USER@HOST:PORT` or `smtps://…`; may contain a password.
    pub smtp_url: Option<Secret>,
    /// Name of the environment variable that contains the password.
    pub smtp_password_env: Option<String>,
    /// File that contains the password, relative to the configuration file.
    pub smtp_password_file: Option<PathBuf>,
    pub from: Option<String>,
    pub to: Vec<String>,
    /// URL to which notices are posted as JSON; the whole URL is a secret.
    pub webhook_url: Option<Secret>,
    /// Name of the environment variable that contains that URL.
    pub webhook_url_env: Option<String>,
}

/// `[defaults]`: values that apply if a flag is not given.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    pub profile: Option<String>,
    /// Deadline of DNS, TCP and TLS together, seconds.
    pub connect: Option<f64>,
    /// Deadline from the request's last byte to the first byte of the answer's body, seconds.
    pub first_byte: Option<f64>,
    /// Deadline between two reads that bring bytes, seconds.
    pub gap: Option<f64>,
    /// Deadline of the whole exchange, seconds.
    pub total: Option<f64>,
}

/// `[profiles.NAME]`: a user's own profile.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileEntry {
    /// The id in rows. Required; a change of anything below requires a new one.
    pub id: Option<String>,
    /// The only user message; by default, that of the published profile.
    pub prompt: Option<String>,
    /// File that contains the prompt, relative to the configuration file.
    pub prompt_file: Option<PathBuf>,
    /// Output budget in tokens, including reasoning; 64 by default.
    pub max_output_tokens: Option<u32>,
    /// Sampling temperature, 0 to 2.
    pub temperature: Option<f64>,
    /// Reasoning effort in the provider's own term.
    pub reasoning_effort: Option<String>,
    /// True if rows go to the public collection.
    pub published: bool,
    /// How rows go to the public collection; this key, `receipts` and `paired` are those that a built-in profile takes.
    pub publish: Option<PublishWord>,
    /// True if every prompt starts with a nonce; by default, only for profiles that are not published.
    pub cache_bust: Option<bool>,
    /// True if rows carry a receipt, from which their figures can be computed again: 1 KB a row.
    pub receipts: bool,
    /// True if the daemon asks over a cold and a warm connection in turn: two requests a turn.
    pub paired: bool,
}

/// How rows of a profile are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishWord {
    /// With null as `tokens_per_second`, so that charts which do not tell profiles apart leave them out.
    WithoutRate,
}

/// `[providers.NAME]`: changes to a built-in provider, or a user's own provider.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderEntry {
    /// The name for users.
    pub title: Option<String>,
    /// Wire format of all of its models; required for a user's own provider.
    pub dialect: Option<DialectWord>,
    /// Base URL, including the path.
    pub base_url: Option<String>,
    /// Path of requests below `base_url`, with `{model}` for the model's id; empty for the dialect's own path.
    pub path: Option<String>,
    /// Path of its list of models below `base_url`; empty for the usual one.
    pub models_path: Option<String>,
    /// Names and values in the query of every request; replaces those of a built-in provider.
    pub query: Option<BTreeMap<String, String>>,
    /// Proxy of its requests, `http://HOST:PORT`; may contain a password.
    pub proxy: Option<Secret>,
    /// True if plain http to another machine is allowed.
    pub allow_plain_http: bool,
    /// Name of the environment variable that contains the key.
    pub key_env: Option<String>,
    /// File that contains the key, relative to the configuration file.
    pub key_file: Option<PathBuf>,
    /// Shell command that prints the key on standard output.
    pub key_command: Option<String>,
    /// Header that carries only the key, instead of `Authorization: Bearer`.
    pub key_header: Option<String>,
    /// Headers sent with every request; may contain keys of gateways.
    pub headers: BTreeMap<String, Secret>,
    pub project: Option<String>,
    /// AWS region or Google Cloud location.
    pub region: Option<String>,
    /// True if the budget is sent as `max_tokens`.
    pub max_tokens_field: Option<bool>,
    /// True if `stream_options.include_usage` is not sent.
    pub no_usage_option: Option<bool>,
    pub omit_temperature: Option<bool>,
    /// True if reported output counts exclude reasoning.
    pub output_excludes_reasoning: Option<bool>,
    /// Fields added to every request body.
    pub body: Map<String, Value>,
}

/// The name of a dialect in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DialectWord {
    Chat,
    Responses,
    /// OpenAI's legacy Completions API.
    Completions,
    Messages,
    Gemini,
}

impl From<DialectWord> for Dialect {
    fn from(word: DialectWord) -> Self {
        match word {
            DialectWord::Chat => Dialect::Chat,
            DialectWord::Responses => Dialect::Responses,
            DialectWord::Completions => Dialect::Completions,
            DialectWord::Messages => Dialect::Messages,
            DialectWord::Gemini => Dialect::Gemini,
        }
    }
}

/// Parses the text of a configuration file.
///
/// # Errors
/// [`SettingsError::File`] with file, line, and the known key nearest to an unknown one. Values are not repeated.
pub fn parse(text: &str, path: &Path) -> Result<ConfigFile, SettingsError> {
    toml::from_str(text).map_err(|error| file_error::explained(&error, text, path))
}

/// The path of the file: the flag's, else the variable's, else the user's own file if it exists.
pub fn locate(flag: Option<&Path>, env: &Env) -> Option<Sourced<PathBuf>> {
    if let Some(path) = flag {
        return Some(Sourced::new(path.to_owned(), Source::Flag("--config")));
    }
    if let Some(path) = env.get(LLMBENCH_CONFIG) {
        return Some(Sourced::new(path.into(), Source::Env(LLMBENCH_CONFIG.into())));
    }
    let own = usual()?;
    own.exists().then(|| Sourced::new(own, Source::Default))
}

/// The path at which a new file would be read: the flag's, else the variable's, else the user's own; `None` without a home
/// directory.
pub fn destination(flag: Option<&Path>, env: &Env) -> Option<PathBuf> {
    flag.map(Path::to_owned).or_else(|| env.get(LLMBENCH_CONFIG).map(PathBuf::from)).or_else(usual)
}

/// The path of the user's own file, which need not exist; `None` without a home directory.
pub fn usual() -> Option<PathBuf> {
    Some(directories::ProjectDirs::from("", "", "llmbench")?.config_dir().join("config.toml"))
}

/// Reads the located file; returns an empty configuration if there is none.
///
/// # Errors
/// [`SettingsError`] if a configured file cannot be read, or contains mistakes.
pub fn load(located: Option<&Sourced<PathBuf>>) -> Result<ConfigFile, SettingsError> {
    let Some(Sourced { value: path, source }) = located else { return Ok(ConfigFile::default()) };
    let text = std::fs::read_to_string(path).map_err(|error| SettingsError::Unreadable {
        path: path.clone(),
        named_by: source.to_string(),
        reason: error.to_string(),
    })?;
    parse(&text, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<ConfigFile, SettingsError> {
        parse(text, Path::new("c.toml"))
    }

    #[test]
    fn an_empty_file_says_nothing() {
        assert_eq!(read("").unwrap(), ConfigFile::default());
        assert_eq!(load(None).unwrap(), ConfigFile::default());
    }

    #[test]
    fn tables_are_read() {
        let file = read(
            "store = 'sqlite:x.db'\n[defaults]\ngap = 5\n[profiles.a]\nid = 'a-v1'\n\
             [providers.local]\ndialect = 'chat'\nbody = { top_k = 1 }\nheaders = { x-a = 'b' }",
        )
        .unwrap();
        assert_eq!((file.store, file.defaults.gap), (Some(Secret::new("sqlite:x.db")), Some(5.0)));
        assert_eq!(file.providers["local"].dialect, Some(DialectWord::Chat));
        assert_eq!(file.providers["local"].body["top_k"], 1);
    }

    #[test]
    fn the_flag_wins_over_the_variable() {
        let env = Env::from_pairs([(LLMBENCH_CONFIG, "/env.toml")]);
        let flag = locate(Some(Path::new("/flag.toml")), &env).unwrap();
        assert_eq!((flag.value, flag.source), ("/flag.toml".into(), Source::Flag("--config")));
        assert_eq!(locate(None, &env).unwrap().source, Source::Env(LLMBENCH_CONFIG.into()));
    }

    #[test]
    fn a_named_file_has_to_be_there() {
        let named = Sourced::new(PathBuf::from("/nonexistent/c.toml"), Source::Flag("--config"));
        let said = load(Some(&named)).unwrap_err().to_string();
        assert!(said.starts_with("/nonexistent/c.toml (named by flag --config) cannot be read: "), "{said}");
    }

    proptest! {
        #[test]
        fn never_panics(text in "(\\[|\\]|=|\n|\"|store|providers|defaults|gap|[a-z.]{1,5}|[0-9]| |\u{e9}){0,60}") {
            let _ = read(&text);
        }

        #[test]
        fn a_planted_key_is_never_repeated(
            key in "[A-Za-z0-9]{16,40}",
            place in prop::sample::select(vec![
                "[defaults]\ngap = \"{}\"", "[providers]\nopenai = \"{}\"", "[providers.openai]\nheaders = \"{}\"",
                "[providers.openai]\ndialect = \"{}\"", "[providers.openai]\napi_key = \"{}\"", "store = [\"{}\"]",
                "[providers.openai]\nkey_env = \"{}", "[providers.openai]\nkey = {}",
            ]),
        ) {
            let error = read(&place.replace("{}", &key)).unwrap_err();
            prop_assert!(!error.to_string().contains(&key), "{}", error);
        }
    }
}
