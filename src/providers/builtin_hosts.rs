//! The built-in rows of the table of hosts. Adding a provider of a known dialect means adding a row. Each row links
//! to its vendor's documentation; the configuration can change any of them.

use super::hosts::{Auth, BaseUrlVar, Header, Host, KeySource, KeyVar};
use super::model_rules::{DialectRule, TemperatureRule};
use super::protocols::{Dialect, Quirks};
use crate::domain::env_vars;
use crate::domain::sourced::{Source, Sourced};
use serde_json::{Map, Value, json};

/// Every built-in host, in display order.
pub fn built_in() -> Vec<Host> {
    vec![
        openai(),
        anthropic(),
        bedrock(),
        vertex(),
        groq(),
        together(),
        cerebras(),
        fireworks(),
        deepinfra(),
        openrouter(),
        sim(),
    ]
}

/// <https://platform.openai.com/docs/api-reference>. Obfuscation pads every delta with random text: it is turned off.
fn openai() -> Host {
    Host {
        base_url: url("https://api.openai.com/v1"),
        base_url_vars: vec![url_var(env_vars::OPENAI_BASE_URL, "")],
        dialects: DialectRule::OpenAi,
        keys: keys(&[env_vars::OPENAI_API_KEY]),
        header_vars: vec![
            ("OpenAI-Organization", env_vars::OPENAI_ORG_ID),
            ("OpenAI-Project", env_vars::OPENAI_PROJECT_ID),
        ],
        quirks: Quirks {
            body: fields(json!({"stream_options": {"include_obfuscation": false}})),
            ..Quirks::default()
        },
        temperature: TemperatureRule::OpenAi,
        published_effort: true,
        ..Host::new("openai", "OpenAI", Dialect::Chat)
    }
}

/// <https://docs.anthropic.com/en/api/messages>.
fn anthropic() -> Host {
    let header = Auth::Header("x-api-key".into());
    Host {
        base_url: url("https://api.anthropic.com/v1"),
        base_url_vars: vec![url_var(env_vars::ANTHROPIC_BASE_URL, "/v1")],
        keys: KeySource {
            vars: vec![
                KeyVar { name: env_vars::ANTHROPIC_API_KEY.into(), auth: header.clone() },
                KeyVar { name: env_vars::ANTHROPIC_AUTH_TOKEN.into(), auth: Auth::Bearer },
            ],
            file: None,
            command: None,
            auth: header,
        },
        headers: vec![Header::new("anthropic-version", "2023-06-01")],
        temperature: TemperatureRule::Claude,
        ..Host::new("anthropic", "Anthropic", Dialect::Messages)
    }
}

/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>. The AWS SDK finds
/// endpoint and credentials by itself.
fn bedrock() -> Host {
    Host {
        keys: KeySource { auth: Auth::AwsChain, ..keys(&[]) },
        temperature: TemperatureRule::Claude,
        ..Host::new("bedrock", "Amazon Bedrock", Dialect::Converse)
    }
}

/// <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference>. The location determines the
/// endpoint. Partner models know `max_tokens`. An API key is used if no project is named (express mode).
fn vertex() -> Host {
    let express =
        KeyVar { name: env_vars::GOOGLE_API_KEY.into(), auth: Auth::Header("x-goog-api-key".into()) };
    Host {
        base_url_vars: vec![
            url_var(env_vars::VERTEX_BASE_URL, ""),
            url_var(env_vars::GOOGLE_VERTEX_BASE_URL, ""),
        ],
        dialects: DialectRule::Vertex,
        keys: KeySource { vars: vec![express], auth: Auth::GoogleAdc, ..keys(&[]) },
        quirks: Quirks { max_tokens_field: true, ..Quirks::default() },
        temperature: TemperatureRule::Claude,
        excludes_reasoning: vec!["xai/"],
        ..Host::new("vertex", "Google Vertex AI", Dialect::Gemini)
    }
}

/// <https://console.groq.com/docs/api-reference>.
fn groq() -> Host {
    Host {
        base_url: url("https://api.groq.com/openai/v1"),
        base_url_vars: vec![url_var(env_vars::GROQ_BASE_URL, "/openai/v1")],
        keys: keys(&[env_vars::GROQ_API_KEY]),
        ..Host::new("groq", "Groq", Dialect::Chat)
    }
}

/// <https://docs.together.ai/reference/chat-completions-1>. The vendor's SDK (3.1) uses a separate host for chat; the
/// list is on the other one (`listing::parts`).
fn together() -> Host {
    Host {
        base_url: url("https://api-inference.together.ai/v1"),
        base_url_vars: vec![url_var(env_vars::TOGETHER_BASE_URL, "/v1")],
        keys: keys(&[env_vars::TOGETHER_API_KEY, env_vars::TOGETHERAI_API_KEY]),
        quirks: Quirks { max_tokens_field: true, ..Quirks::default() },
        ..Host::new("together", "Together AI", Dialect::Chat)
    }
}

/// <https://inference-docs.cerebras.ai/api-reference/chat-completions>.
fn cerebras() -> Host {
    Host {
        base_url: url("https://api.cerebras.ai/v1"),
        base_url_vars: vec![url_var(env_vars::CEREBRAS_BASE_URL, "/v1")],
        keys: keys(&[env_vars::CEREBRAS_API_KEY]),
        ..Host::new("cerebras", "Cerebras", Dialect::Chat)
    }
}

/// <https://docs.fireworks.ai/api-reference/post-chatcompletions>. The server reports its own clock on request. The
/// vendor's SDK (1.2) appends `/v1` to a base URL that it is given, not `/inference/v1`.
fn fireworks() -> Host {
    Host {
        base_url: url("https://api.fireworks.ai/inference/v1"),
        base_url_vars: vec![url_var(env_vars::FIREWORKS_BASE_URL, "/v1")],
        keys: keys(&[env_vars::FIREWORKS_API_KEY]),
        quirks: Quirks {
            max_tokens_field: true,
            body: fields(json!({"perf_metrics_in_response": true})),
            ..Quirks::default()
        },
        ..Host::new("fireworks", "Fireworks AI", Dialect::Chat)
    }
}

/// <https://deepinfra.com/docs/openai_api>. Usage in every chunk tells exactly how many tokens each holds.
fn deepinfra() -> Host {
    Host {
        base_url: url("https://api.deepinfra.com/v1/openai"),
        base_url_vars: vec![url_var(env_vars::DEEPINFRA_BASE_URL, "")],
        keys: keys(&[env_vars::DEEPINFRA_API_KEY, env_vars::DEEPINFRA_TOKEN]),
        quirks: Quirks {
            max_tokens_field: true,
            body: fields(json!({"stream_options": {"continuous_usage_stats": true}})),
            ..Quirks::default()
        },
        excludes_reasoning: vec!["google/"],
        ..Host::new("deepinfra", "DeepInfra", Dialect::Chat)
    }
}

/// <https://openrouter.ai/docs/api-reference/overview>. Usage always comes; the title
/// names the caller in its statistics.
fn openrouter() -> Host {
    Host {
        base_url: url("https://openrouter.ai/api/v1"),
        base_url_vars: vec![url_var(env_vars::OPENROUTER_BASE_URL, "")],
        keys: keys(&[env_vars::OPENROUTER_API_KEY]),
        headers: vec![Header::new("X-OpenRouter-Title", "llmbench")],
        quirks: Quirks { max_tokens_field: true, ..Quirks::default() },
        ..Host::new("openrouter", "OpenRouter", Dialect::Chat)
    }
}

/// The simulator: no vendor, no key; its address is known when it runs.
fn sim() -> Host {
    Host {
        base_url_vars: vec![url_var(env_vars::LLMBENCH_SIM_URL, "")],
        keys: KeySource { auth: Auth::None, ..keys(&[]) },
        ..Host::new("sim", "Simulator", Dialect::Chat)
    }
}

fn url(text: &str) -> Option<Sourced<String>> {
    Some(Sourced::new(text.to_owned(), Source::Default))
}

fn url_var(name: &'static str, suffix: &'static str) -> BaseUrlVar {
    BaseUrlVar { name, suffix }
}

fn keys(vars: &[&str]) -> KeySource {
    let var = |name: &&str| KeyVar { name: (*name).to_owned(), auth: Auth::Bearer };
    KeySource { vars: vars.iter().map(var).collect(), file: None, command: None, auth: Auth::Bearer }
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn rows_are_sound() {
        let rows = built_in();
        let unique: BTreeSet<&str> = rows.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(unique.len(), rows.len());
        for host in &rows {
            assert!(host.name.bytes().all(|byte| byte.is_ascii_lowercase()), "{}", host.name);
            if let Some(base) = &host.base_url {
                let parsed = url::Url::parse(&base.value).unwrap();
                assert_eq!((parsed.scheme(), base.value.ends_with('/')), ("https", false), "{}", host.name);
                for var in &host.base_url_vars {
                    assert!(base.value.ends_with(var.suffix), "{}", var.name);
                }
            }
            for name in host.key_names() {
                assert!(env_vars::SECRETS.contains(&name), "{name} is not kept out of messages");
            }
        }
    }

    #[test]
    fn every_host_that_needs_a_key_says_where_it_comes_from() {
        for host in built_in() {
            let keyless = matches!(host.keys.auth, Auth::None | Auth::AwsChain);
            assert_eq!(keyless, host.keys.vars.is_empty(), "{}", host.name);
            assert_eq!(host.keys.auth == Auth::None, host.name == "sim");
        }
    }
}
