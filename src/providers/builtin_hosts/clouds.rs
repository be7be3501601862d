//! Rows of the clouds: an address, a login or a place that each customer has an own one of.

use super::{keys, url, url_var};
use crate::domain::env_vars;
use crate::domain::sourced::Source;
use crate::providers::auth::AZURE_KEY_HEADER;
use crate::providers::endpoint_path::QueryPair;
use crate::providers::hosts::{Auth, Host, KeySource, KeyVar};
use crate::providers::model_rules::{DialectRule, TemperatureRule};
use crate::providers::protocols::{Dialect, Quirks};

/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>. The AWS SDK finds
/// endpoint and credentials by itself.
pub(super) fn bedrock() -> Host {
    Host {
        keys: KeySource { auth: Auth::AwsChain, ..keys(&[]) },
        temperature: TemperatureRule::Claude,
        ..Host::new("bedrock", "Amazon Bedrock", Dialect::Converse)
    }
}

/// <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference>. The location determines the
/// endpoint. Partner models know `max_tokens`. An API key is used if no project is named (express mode).
pub(super) fn vertex() -> Host {
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

/// <https://learn.microsoft.com/azure/ai-services/openai/reference>. Models are called by the names of deployments, which
/// stand in the path. OpenAI's SDK demands `OPENAI_API_VERSION`; here the newest dated version that is generally
/// available is the default. `max_tokens` is what all but the newest deployments take; the others are learned.
pub(super) fn azure() -> Host {
    Host {
        base_url_vars: vec![url_var(env_vars::AZURE_OPENAI_ENDPOINT, "/openai")],
        path: url("/deployments/{model}/chat/completions"),
        query: vec![QueryPair::new("api-version", "2024-10-21", Source::Default)],
        query_vars: vec![("api-version", env_vars::OPENAI_API_VERSION)],
        keys: KeySource {
            vars: vec![
                KeyVar {
                    name: env_vars::AZURE_OPENAI_API_KEY.into(),
                    auth: Auth::Header(AZURE_KEY_HEADER.into()),
                },
                KeyVar { name: env_vars::AZURE_OPENAI_AD_TOKEN.into(), auth: Auth::Bearer },
            ],
            auth: Auth::Entra,
            ..keys(&[])
        },
        quirks: Quirks { max_tokens_field: true, ..Quirks::default() },
        temperature: TemperatureRule::OpenAi,
        ..Host::new("azure", "Azure OpenAI", Dialect::Chat)
    }
}

/// <https://docs.databricks.com/aws/en/machine-learning/foundation-model-apis/api-reference>. Models are called by the
/// names of serving endpoints. Usage comes with the chunks; `stream_options` is not documented.
pub(super) fn databricks() -> Host {
    Host {
        base_url_vars: vec![
            url_var(env_vars::DATABRICKS_HOST, "/serving-endpoints"),
            url_var(env_vars::DATABRICKS_BASE_URL, ""),
        ],
        keys: keys(&[env_vars::DATABRICKS_TOKEN, env_vars::DATABRICKS_API_KEY]),
        quirks: Quirks {
            max_tokens_field: true,
            no_usage_option: true,
            usage_unasked: true,
            ..Quirks::default()
        },
        temperature: TemperatureRule::Claude,
        ..Host::new("databricks", "Databricks", Dialect::Chat)
    }
}
