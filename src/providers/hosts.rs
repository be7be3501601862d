//! A host that is called: one row of the table, with everything that tells it from the others as data. Which rows exist is
//! `providers::builtin_hosts`; environment and configuration change rows in `settings::hosts`.

use super::model_rules::{DialectRule, TemperatureRule, published_effort};
use super::protocols::{Dialect, Quirks};
use crate::domain::nearest::did_you_mean;
use crate::domain::sourced::Sourced;
use crate::wire::ForwardProxy;
use std::fmt;
use std::path::PathBuf;

/// How a key is shown to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// The key alone in a header of this name, for example `x-api-key`.
    Header(String),
    /// A token from Google's application default credentials, as bearer.
    GoogleAdc,
    /// The AWS SDK's own chain of credentials.
    AwsChain,
    /// No key at all.
    None,
}

/// An environment variable that holds a key, and how that key is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyVar {
    /// The variable.
    pub name: String,
    /// How its value is shown.
    pub auth: Auth,
}

/// Where a host's key comes from: the first variable that is set, else the file, else the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySource {
    /// Variables, in order.
    pub vars: Vec<KeyVar>,
    /// A file that holds the key, readable by its owner alone.
    pub file: Option<PathBuf>,
    /// A shell command that prints the key.
    pub command: Option<String>,
    /// How a key from the file or the command is shown, and what is done where there is no key.
    pub auth: Auth,
}

/// An environment variable that holds a base URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrlVar {
    /// The variable.
    pub name: &'static str,
    /// What the vendor's SDK appends to it, for example `/openai/v1`; empty where it holds the path too.
    pub suffix: &'static str,
}

/// A header sent with every request. Its value may be the key of a gateway, so printing shows the name alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// Name, in any case.
    pub name: String,
    /// Value.
    pub value: String,
}

impl Header {
    /// A header from its two parts.
    pub fn new(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_owned() }
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: [redacted]", self.name)
    }
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    /// What models and rows call it: `groq`.
    pub name: String,
    /// What people call it: `Groq`.
    pub title: String,
    /// Base URL, path included, without a slash at its end. `None`: Vertex computes it, Bedrock's SDK knows it.
    pub base_url: Option<Sourced<String>>,
    /// Another base URL for Messages alone (Claude on Vertex).
    pub messages_base_url: Option<Sourced<String>>,
    /// Variables that override `base_url`, in order.
    pub base_url_vars: Vec<BaseUrlVar>,
    /// The proxy of its requests, where somebody named one.
    pub proxy: Option<Sourced<ForwardProxy>>,
    /// Plain HTTP to another machine is allowed.
    pub allow_plain_http: bool,
    /// How the dialect of a model is chosen.
    pub dialects: DialectRule,
    /// Where its key comes from.
    pub keys: KeySource,
    /// Headers sent with every request, besides the key.
    pub headers: Vec<Header>,
    /// Headers whose value is an environment variable's, where that is set: `(header, variable)`.
    pub header_vars: Vec<(&'static str, &'static str)>,
    /// How it departs from its dialect.
    pub quirks: Quirks,
    /// Which of its models refuse a temperature.
    pub temperature: TemperatureRule,
    /// Beginnings of ids whose output counts leave reasoning out.
    pub excludes_reasoning: Vec<&'static str>,
    /// Responses models are asked with the Python runner's effort where the profile names none.
    pub published_effort: bool,
    /// Google Cloud project.
    pub project: Option<Sourced<String>>,
    /// Region (Bedrock) or location (Vertex).
    pub region: Option<Sourced<String>>,
}

impl Host {
    /// A host of one dialect that takes a bearer key, and nothing else yet.
    pub fn new(name: &str, title: &str, dialect: Dialect) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            base_url: None,
            messages_base_url: None,
            base_url_vars: Vec::new(),
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

    /// The effort to send where neither profile nor catalog names one.
    pub fn default_effort(&self, model_id: &str, dialect: Dialect) -> Option<&'static str> {
        let applies = self.published_effort && dialect == Dialect::Responses;
        published_effort(model_id).filter(|_| applies)
    }

    /// The variables in which a key is looked for, in order.
    pub fn key_names(&self) -> Vec<&str> {
        self.keys.vars.iter().map(|var| var.name.as_str()).collect()
    }
}

/// The hosts of a run: built-in rows and rows from the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Hosts {
    rows: Vec<Host>,
}

/// No host has that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown provider `{name}`{suggestion} Known: {known}")]
pub struct UnknownHost {
    /// The name that was asked for.
    pub name: String,
    suggestion: String,
    known: String,
}

impl Hosts {
    /// These hosts, in this order.
    pub fn new(rows: Vec<Host>) -> Self {
        Self { rows }
    }

    /// The host of that name.
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
