//! A host that is called: one row of the table, with all its differences from other hosts as data.
//! `providers::builtin_hosts` has the built-in rows; environment and configuration change rows in `settings::hosts`.

use super::endpoint_path::QueryPair;
use super::model_rules::{DialectRule, TemperatureRule, published_effort};
use super::protocols::{Dialect, Quirks};
use crate::domain::nearest::did_you_mean;
use crate::domain::sourced::Sourced;
use crate::wire::ForwardProxy;
use std::fmt;
use std::path::PathBuf;

/// The way in which a key is sent to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// Only the key, in a header of this name, for example `x-api-key`.
    Header(String),
    /// A token from Google's application default credentials, as bearer.
    GoogleAdc,
    /// The AWS SDK's own chain of credentials.
    AwsChain,
    /// A token of Microsoft Entra ID, as bearer. A key that is no token goes alone into `api-key`.
    Entra,
    None,
}

/// An environment variable that contains a key, and the way in which the key is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyVar {
    pub name: String,
    /// The way in which its value is sent.
    pub auth: Auth,
}

/// The source of a host's key: the first variable that is set, else the file, else the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySource {
    /// Variables, in order of precedence.
    pub vars: Vec<KeyVar>,
    /// A file that contains the key, readable only by its owner.
    pub file: Option<PathBuf>,
    /// A shell command that prints the key.
    pub command: Option<String>,
    /// The way in which a key from the file or the command is sent, and the login if there is no key.
    pub auth: Auth,
}

/// An environment variable that contains a base URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrlVar {
    pub name: &'static str,
    /// The suffix that the vendor's SDK appends to it, for example `/openai/v1`; empty if the variable includes the
    /// path.
    pub suffix: &'static str,
}

/// A header sent with every request. Its value may be the key of a gateway, so `Debug` shows only the name.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    pub name: String,
    pub value: String,
}

impl Header {
    pub fn new(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_owned() }
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: [redacted]", self.name)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    /// The name in models and rows: `groq`.
    pub name: String,
    /// The name for users: `Groq`.
    pub title: String,
    /// Base URL, including the path, without a trailing slash. `None`: Vertex computes it, Bedrock's SDK knows it,
    /// each customer of Azure and Databricks has an own one.
    pub base_url: Option<Sourced<String>>,
    /// Another base URL for Messages only (Claude on Vertex).
    pub messages_base_url: Option<Sourced<String>>,
    /// Variables that override `base_url`, in order of precedence.
    pub base_url_vars: Vec<BaseUrlVar>,
    /// The path below `base_url` of requests in the host's own dialect, with `{model}` for the model's id; `None` for
    /// the dialect's own path.
    pub path: Option<Sourced<String>>,
    /// The path of its list of models, below `base_url`; `None` for the usual one.
    pub models_path: Option<Sourced<String>>,
    /// Names and values in the query of every request.
    pub query: Vec<QueryPair>,
    /// Names of the query with values from environment variables, if those are set: `(name, variable)`.
    pub query_vars: Vec<(&'static str, &'static str)>,
    /// The proxy of its requests, if one is configured.
    pub proxy: Option<Sourced<ForwardProxy>>,
    /// True if plain HTTP to another machine is allowed.
    pub allow_plain_http: bool,
    /// The rule that chooses the dialect of a model.
    pub dialects: DialectRule,
    pub keys: KeySource,
    /// Headers sent with every request, besides the key.
    pub headers: Vec<Header>,
    /// Headers with values from environment variables, if those are set: `(header, variable)`.
    pub header_vars: Vec<(&'static str, &'static str)>,
    /// Its deviations from its dialect.
    pub quirks: Quirks,
    /// The rule for models that refuse a temperature.
    pub temperature: TemperatureRule,
    /// Prefixes of the ids of models whose output counts exclude reasoning.
    pub excludes_reasoning: Vec<&'static str>,
    /// True if Responses models get the Python runner's effort when the profile names none.
    pub published_effort: bool,
    pub project: Option<Sourced<String>>,
    /// Region (Bedrock) or location (Vertex).
    pub region: Option<Sourced<String>>,
}

impl Host {
    /// A host with one dialect and a bearer key; all other fields have defaults.
    pub fn new(name: &str, title: &str, dialect: Dialect) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            base_url: None,
            messages_base_url: None,
            base_url_vars: Vec::new(),
            path: None,
            models_path: None,
            query: Vec::new(),
            query_vars: Vec::new(),
            proxy: None,
            allow_plain_http: false,
            dialects: DialectRule::Fixed(dialect),
            keys: KeySource { vars: Vec::new(), file: None, command: None, auth: Auth::Bearer },
            headers: Vec::new(),
            header_vars: Vec::new(),
            quirks: Quirks::default(),
            temperature: TemperatureRule::Accepted,
            excludes_reasoning: Vec::new(),
            published_effort: false,
            project: None,
            region: None,
        }
    }

    /// The host's quirks for one model in one dialect.
    pub fn quirks(&self, model_id: &str, dialect: Dialect) -> Quirks {
        let mut quirks = self.quirks.clone();
        quirks.omit_temperature |= self.temperature.refuses(model_id);
        quirks.output_excludes_reasoning |=
            self.excludes_reasoning.iter().any(|start| model_id.starts_with(start));
        if self.dialects == DialectRule::Vertex && dialect == Dialect::Messages {
            quirks.model_in_url = true;
            quirks.body.insert("anthropic_version".into(), "vertex-2023-10-16".into());
        }
        quirks
    }

    /// The effort to send if neither profile nor catalog names one.
    pub fn default_effort(&self, model_id: &str, dialect: Dialect) -> Option<&'static str> {
        let applies = self.published_effort && dialect == Dialect::Responses;
        published_effort(model_id).filter(|_| applies)
    }

    /// True if the host is known by an address of its own, as all are whose address nothing else tells.
    pub fn has_address(&self) -> bool {
        let told = self.dialects == DialectRule::Vertex || self.keys.auth == Auth::AwsChain;
        told || self.base_url.is_some() || self.keys.auth == Auth::None
    }

    /// The variables that may contain a key, in order of precedence.
    pub fn key_names(&self) -> Vec<&str> {
        self.keys.vars.iter().map(|var| var.name.as_str()).collect()
    }
}

/// The hosts of a run: built-in rows and rows from the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Hosts {
    rows: Vec<Host>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown provider `{name}`{suggestion} Known: {known}")]
pub struct UnknownHost {
    /// The name that was searched.
    pub name: String,
    suggestion: String,
    known: String,
}

impl Hosts {
    pub fn new(rows: Vec<Host>) -> Self {
        Self { rows }
    }

    /// Finds the host of that name.
    ///
    /// # Errors
    /// [`UnknownHost`], with the nearest name and all known ones.
    pub fn find(&self, name: &str) -> Result<&Host, UnknownHost> {
        self.rows.iter().find(|host| host.name == name).ok_or_else(|| self.unknown(name))
    }

    /// All hosts: built-in ones first, then those of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Host> {
        self.rows.iter()
    }

    fn unknown(&self, name: &str) -> UnknownHost {
        let names: Vec<&str> = self.rows.iter().map(|host| host.name.as_str()).collect();
        let near = did_you_mean(name, names.iter().copied());
        UnknownHost {
            name: name.to_owned(),
            suggestion: if near.is_empty() { ".".to_owned() } else { near },
            known: names.join(", "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::builtin_hosts;

    #[test]
    fn an_unknown_name_gets_its_neighbour() {
        let hosts = Hosts::new(builtin_hosts::built_in());
        assert_eq!(hosts.find("groq").unwrap().title, "Groq");
        let said = hosts.find("grok").unwrap_err().to_string();
        assert!(
            said.starts_with("unknown provider `grok`: did you mean groq? Known: openai, anthropic,"),
            "{said}"
        );
        assert!(
            hosts.find("bananas").unwrap_err().to_string().starts_with("unknown provider `bananas`. Known:")
        );
    }

    #[test]
    fn quirks_depend_on_the_model() {
        let hosts = Hosts::new(builtin_hosts::built_in());
        let quirks = |host: &str, model: &str| {
            let host = hosts.find(host).unwrap();
            host.quirks(model, host.dialects.choose(model))
        };
        assert!(quirks("openai", "o3").omit_temperature);
        assert!(!quirks("openai", "gpt-4o").omit_temperature);
        assert!(quirks("bedrock", "us.anthropic.claude-opus-4-8-v1:0").omit_temperature);
        assert!(quirks("deepinfra", "google/gemini-2.5-flash").output_excludes_reasoning);
        assert!(!quirks("deepinfra", "Qwen/Qwen3-32B").output_excludes_reasoning);
        let claude = quirks("vertex", "claude-sonnet-4-5@20250929");
        assert_eq!(claude.body["anthropic_version"], "vertex-2023-10-16");
        assert!(claude.model_in_url && !quirks("vertex", "gemini-2.5-pro").model_in_url);
        assert!(!quirks("anthropic", "claude-sonnet-4-5").model_in_url);
    }

    #[test]
    fn only_openai_responses_have_a_default_effort() {
        let hosts = Hosts::new(builtin_hosts::built_in());
        let effort =
            |host: &str, model: &str, dialect| hosts.find(host).unwrap().default_effort(model, dialect);
        assert_eq!(effort("openai", "gpt-5", Dialect::Responses), Some("low"));
        assert_eq!(effort("openai", "gpt-5", Dialect::Chat), None);
        assert_eq!(effort("openrouter", "openai/gpt-5", Dialect::Responses), None);
    }
}
