//! Rows of those who serve models that others made, and of routers.

use super::{fields, keys, url, url_var};
use crate::domain::env_vars;
use crate::providers::hosts::{Header, Host};
use crate::providers::protocols::{Dialect, Quirks};
use serde_json::json;

/// <https://console.groq.com/docs/api-reference>.
pub(super) fn groq() -> Host {
    Host {
        base_url: url("https://api.groq.com/openai/v1"),
        base_url_vars: vec![url_var(env_vars::GROQ_BASE_URL, "/openai/v1")],
        keys: keys(&[env_vars::GROQ_API_KEY]),
        ..Host::new("groq", "Groq", Dialect::Chat)
    }
}

/// <https://docs.together.ai/reference/chat-completions-1>. The vendor's SDK (3.1) uses a separate host for chat; the
/// list is on the other one (`listing::parts`).
pub(super) fn together() -> Host {
    Host {
        base_url: url("https://api-inference.together.ai/v1"),
        base_url_vars: vec![url_var(env_vars::TOGETHER_BASE_URL, "/v1")],
        keys: keys(&[env_vars::TOGETHER_API_KEY, env_vars::TOGETHERAI_API_KEY]),
        quirks: Quirks { max_tokens_field: true, counted_logprobs: true, ..Quirks::default() },
        ..Host::new("together", "Together AI", Dialect::Chat)
    }
}

/// <https://inference-docs.cerebras.ai/api-reference/chat-completions>.
pub(super) fn cerebras() -> Host {
    Host {
        base_url: url("https://api.cerebras.ai/v1"),
        base_url_vars: vec![url_var(env_vars::CEREBRAS_BASE_URL, "/v1")],
        keys: keys(&[env_vars::CEREBRAS_API_KEY]),
        ..Host::new("cerebras", "Cerebras", Dialect::Chat)
    }
}

/// <https://docs.fireworks.ai/api-reference/post-chatcompletions>. The server reports its own clock on request. The
/// vendor's SDK (1.2) appends `/v1` to a base URL that it is given, not `/inference/v1`.
pub(super) fn fireworks() -> Host {
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
pub(super) fn deepinfra() -> Host {
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
pub(super) fn openrouter() -> Host {
    Host {
        base_url: url("https://openrouter.ai/api/v1"),
        base_url_vars: vec![url_var(env_vars::OPENROUTER_BASE_URL, "")],
        keys: keys(&[env_vars::OPENROUTER_API_KEY]),
        headers: vec![Header::new("X-OpenRouter-Title", "llmbench")],
        quirks: Quirks { max_tokens_field: true, ..Quirks::default() },
        ..Host::new("openrouter", "OpenRouter", Dialect::Chat)
    }
}

/// <https://docs.sambanova.ai/docs/en/api-reference/chat-completions>. The usage holds the provider's own clock.
pub(super) fn sambanova() -> Host {
    Host {
        base_url: url("https://api.sambanova.ai/v1"),
        base_url_vars: vec![url_var(env_vars::SAMBA_NOVA_BASE_URL, "")],
        keys: keys(&[env_vars::SAMBANOVA_API_KEY]),
        quirks: Quirks { max_tokens_field: true, ..Quirks::default() },
        ..Host::new("sambanova", "SambaNova", Dialect::Chat)
    }
}

/// <https://docs.tokenfactory.nebius.com/api-reference/introduction>.
pub(super) fn nebius() -> Host {
    Host {
        base_url: url("https://api.tokenfactory.nebius.com/v1"),
        base_url_vars: vec![url_var(env_vars::NEBIUS_BASE_URL, "")],
        keys: keys(&[env_vars::NEBIUS_API_KEY]),
        quirks: Quirks { max_tokens_field: true, ..Quirks::default() },
        ..Host::new("nebius", "Nebius Token Factory", Dialect::Chat)
    }
}

/// <https://novita.ai/docs/api-reference/model-apis-llm-create-chat-completion>.
pub(super) fn novita() -> Host {
    Host {
        base_url: url("https://api.novita.ai/openai/v1"),
        base_url_vars: vec![url_var(env_vars::NOVITA_BASE_URL, "")],
        keys: keys(&[env_vars::NOVITA_API_KEY]),
        quirks: Quirks { max_tokens_field: true, ..Quirks::default() },
        ..Host::new("novita", "Novita AI", Dialect::Chat)
    }
}

/// <https://docs.api.nvidia.com/nim/reference/llm-apis>.
pub(super) fn nvidia() -> Host {
    Host {
        base_url: url("https://integrate.api.nvidia.com/v1"),
        base_url_vars: vec![url_var(env_vars::NVIDIA_BASE_URL, "")],
        keys: keys(&[env_vars::NVIDIA_API_KEY]),
        quirks: Quirks { max_tokens_field: true, ..Quirks::default() },
        ..Host::new("nvidia", "NVIDIA NIM", Dialect::Chat)
    }
}

/// <https://huggingface.co/docs/inference-providers/index>. A router: `MODEL:PROVIDER` names who serves.
pub(super) fn huggingface() -> Host {
    Host {
        base_url: url("https://router.huggingface.co/v1"),
        base_url_vars: vec![url_var(env_vars::HUGGINGFACE_BASE_URL, "")],
        keys: keys(&[env_vars::HF_TOKEN]),
        quirks: Quirks { max_tokens_field: true, ..Quirks::default() },
        ..Host::new("huggingface", "Hugging Face", Dialect::Chat)
    }
}

/// <https://docs.lambda.ai/public-cloud/lambda-inference-api/>.
pub(super) fn lambda() -> Host {
    Host {
        base_url: url("https://api.lambda.ai/v1"),
        base_url_vars: vec![url_var(env_vars::LAMBDA_BASE_URL, "")],
        keys: keys(&[env_vars::LAMBDA_API_KEY]),
        quirks: Quirks { max_tokens_field: true, ..Quirks::default() },
        ..Host::new("lambda", "Lambda", Dialect::Chat)
    }
}
