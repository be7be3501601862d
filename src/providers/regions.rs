//! The region of a request: Amazon Bedrock's region, or the location of Vertex. It follows from the model, because
//! neither serves every model everywhere. Pure.
//!
//! The defaults are those of the Python runner, so that published figures do not move when its containers are
//! switched. Models that are newer than its rules, and that Google serves only there, have the default `global`.

use super::hosts::{Auth, Host};
use super::model_rules::DialectRule;
use super::vertex;
use crate::domain::GenerationRequest;
use crate::domain::env_vars::VERTEX_LOCATION;
use crate::domain::generation_request::REGION;
use crate::domain::sourced::{Source, Sourced};
use serde_json::Value;

/// The region in which the Python runner calls Bedrock, apart from the models below.
const BEDROCK_HOME: &str = "us-east-1";

/// Parts of Bedrock ids, and the region in which the Python runner calls such models.
const BEDROCK_DEFAULTS: &[(&str, &str)] = &[("opus", "us-west-2"), ("llama3-1", "us-west-2")];

/// The first location in which the Python runner calls Vertex.
const CENTRAL: &str = "us-central1";

/// Its second one, for some older Claude models.
const EAST: &str = "us-east5";

impl Host {
    /// The region or location to which a request goes: the catalog's `region` for the model, else the configured
    /// one, else the default of the model. `None` if the host has no regions, or if none is known.
    pub fn region_for<'a>(&'a self, ask: &'a GenerationRequest) -> Option<&'a str> {
        let own = ask.metadata.get(REGION).and_then(Value::as_str).filter(|region| !region.is_empty());
        let configured = self.region.as_ref();
        if self.dialects == DialectRule::Vertex {
            return Some(own.unwrap_or_else(|| location(configured, &ask.model_id)));
        }
        if self.keys.auth == Auth::AwsChain {
            return own.or_else(|| bedrock_region(configured, &ask.model_id));
        }
        None
    }
}

/// The region in which the Python runner calls a model, by its own rules; `None` for providers without regions.
pub fn python_region(provider: &str, model_id: &str) -> Option<&'static str> {
    let lower = model_id.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    match provider {
        "bedrock" => {
            let default = BEDROCK_DEFAULTS.iter().find(|(part, _)| lower.contains(part));
            Some(default.map_or(BEDROCK_HOME, |(_, region)| region))
        }
        "vertex" if has(&["llama"]) || !has(&["claude"]) => Some(CENTRAL),
        "vertex" if has(&["claude-4", "sonnet-4", "opus-4"]) => Some(vertex::DEFAULT_LOCATION),
        "vertex" if has(&["opus", "3-5"]) => Some(EAST),
        "vertex" => Some(CENTRAL),
        _ => None,
    }
}

/// The configured region, apart from models that the Python runner calls elsewhere from the same containers.
fn bedrock_region<'a>(configured: Option<&'a Sourced<String>>, model_id: &str) -> Option<&'a str> {
    let configured = configured?;
    let written = matches!(configured.source, Source::File(_) | Source::Flag(_));
    // An ARN contains its own region.
    let movable = configured.value == BEDROCK_HOME && !written && !model_id.starts_with("arn:");
    let lower = model_id.to_lowercase();
    let default = BEDROCK_DEFAULTS.iter().find(|(part, _)| movable && lower.contains(part));
    Some(default.map_or(configured.value.as_str(), |(_, region)| region))
}

/// The configured location, else the default. The Python runner's own variable concerns Google's models, not Claude.
fn location<'a>(configured: Option<&'a Sourced<String>>, model_id: &str) -> &'a str {
    let lower = model_id.to_lowercase();
    let python = |source: &Source| matches!(source, Source::Env(name) if name == VERTEX_LOCATION);
    let claude = lower.contains("claude");
    match configured.filter(|region| !(claude && python(&region.source))) {
        Some(region) => &region.value,
        None => default_location(&lower),
    }
}

/// The default location of a model, from its id in lower case.
fn default_location(model_id: &str) -> &'static str {
    let has = |parts: &[&str]| parts.iter().any(|part| model_id.contains(part));
    let generation = generation(model_id).unwrap_or(0);
    if has(&["llama"]) {
        CENTRAL
    } else if has(&["claude"]) {
        match generation {
            4.. => vertex::DEFAULT_LOCATION,
            _ if has(&["opus", "3-5"]) => EAST,
            _ => CENTRAL,
        }
    } else if has(&["gemini"]) && generation < 3 {
        CENTRAL
    } else {
        vertex::DEFAULT_LOCATION
    }
}

/// The first number in an id: 3 of `claude-3-5-haiku@20241022`, 2 of `gemini-2.5-flash`.
fn generation(model_id: &str) -> Option<u32> {
    let name = model_id.split('@').next().unwrap_or(model_id);
    let digits = name.trim_start_matches(|ch: char| !ch.is_ascii_digit());
    let end = digits.find(|ch: char| !ch.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::builtin_hosts;
    use serde_json::json;
    use std::path::PathBuf;

    fn region(host: &str, configured: Option<(&str, Source)>, model_id: &str, own: Value) -> Option<String> {
        let mut host = builtin_hosts::built_in().into_iter().find(|row| row.name == host).unwrap();
        host.region = configured.map(|(value, source)| Sourced::new(value.to_owned(), source));
        let ask = GenerationRequest {
            model_id: model_id.to_owned(),
            prompt: String::new(),
            max_output_tokens: 64,
            temperature: None,
            reasoning_effort: None,
            metadata: own.as_object().unwrap().clone(),
            deterministic: false,
        };
        host.region_for(&ask).map(str::to_owned)
    }

    fn env(name: &str) -> Source {
        Source::Env(name.to_owned())
    }

    #[test]
    fn bedrock_has_the_defaults_of_the_python_runner() {
        let home = || Some(("us-east-1", env("AWS_REGION")));
        for (model, configured, wanted) in [
            ("us.amazon.nova-pro-v1:0", home(), Some("us-east-1")),
            ("us.anthropic.claude-opus-4-7", home(), Some("us-west-2")),
            ("meta.llama3-1-405b-instruct-v1:0", home(), Some("us-west-2")),
            ("meta.llama3-3-70b-instruct-v1:0", home(), Some("us-east-1")),
            ("eu.anthropic.claude-opus-4-7", Some(("eu-west-1", env("AWS_REGION"))), Some("eu-west-1")),
            (
                "us.anthropic.claude-opus-4-7",
                Some(("us-east-1", Source::File(PathBuf::from("f")))),
                Some("us-east-1"),
            ),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4",
                home(),
                Some("us-east-1"),
            ),
            ("us.anthropic.claude-opus-4-7", None, None),
        ] {
            assert_eq!(region("bedrock", configured, model, json!({})).as_deref(), wanted, "{model}");
        }
    }

    #[test]
    fn vertex_has_the_defaults_of_the_python_runner() {
        for (model, wanted) in [
            ("gemini-2.5-flash", "us-central1"),
            ("gemini-2.0-flash-001", "us-central1"),
            ("meta/llama-3.3-70b-instruct-maas", "us-central1"),
            ("claude-3-opus@20240229", "us-east5"),
            ("claude-3-5-haiku@20241022", "us-east5"),
            ("claude-3-7-sonnet@20250219", "us-central1"),
            ("claude-3-haiku@20240307", "us-central1"),
            ("claude-opus-4-1@20250805", "global"),
            ("claude-sonnet-4@20250514", "global"),
            // Served there only, and newer than the Python runner's rules.
            ("claude-haiku-4-5@20251001", "global"),
            ("gemini-3-pro-preview", "global"),
            ("xai/grok-4", "global"),
        ] {
            assert_eq!(region("vertex", None, model, json!({})).as_deref(), Some(wanted), "{model}");
        }
    }

    #[test]
    fn a_configured_region_wins_over_defaults_and_the_models_own_over_both() {
        let named = || Some(("europe-west4", env("GOOGLE_CLOUD_LOCATION")));
        let own = json!({"region": "us-east1"});
        assert_eq!(region("vertex", named(), "gemini-2.5-pro", json!({})).as_deref(), Some("europe-west4"));
        assert_eq!(region("vertex", named(), "claude-sonnet-4", json!({})).as_deref(), Some("europe-west4"));
        assert_eq!(region("vertex", named(), "gemini-2.5-pro", own.clone()).as_deref(), Some("us-east1"));
        assert_eq!(
            region("bedrock", None, "us.amazon.nova-pro-v1:0", own.clone()).as_deref(),
            Some("us-east1")
        );
        assert_eq!(region("groq", None, "m", own), None);
        let python = || Some(("europe-west4", env("VERTEX_LOCATION")));
        assert_eq!(region("vertex", python(), "gemini-2.5-pro", json!({})).as_deref(), Some("europe-west4"));
        assert_eq!(region("vertex", python(), "claude-sonnet-4", json!({})).as_deref(), Some("global"));
    }

    #[test]
    fn the_python_runners_own_rules() {
        for (provider, model, wanted) in [
            ("bedrock", "us.anthropic.claude-opus-4-7", Some("us-west-2")),
            ("bedrock", "us.amazon.nova-pro-v1:0", Some("us-east-1")),
            ("vertex", "gemini-3-pro-preview", Some("us-central1")),
            ("vertex", "claude-haiku-4-5@20251001", Some("us-central1")),
            ("vertex", "claude-sonnet-4-5@20250929", Some("global")),
            ("vertex", "claude-3-5-haiku@20241022", Some("us-east5")),
            ("groq", "m", None),
        ] {
            assert_eq!(python_region(provider, model), wanted, "{model}");
        }
    }

    #[test]
    fn the_first_number_is_the_generation() {
        assert_eq!(generation("claude-3-5-haiku@20241022"), Some(3));
        assert_eq!((generation("gemini-2.5-flash"), generation("claude-x@20240101")), (Some(2), None));
        assert_eq!(generation("claude-99999999999-x"), None);
    }
}
