//! Rows of those who make models and serve them under their own name.

use super::{fields, keys, url, url_var};
use crate::domain::env_vars;
use crate::providers::hosts::{Auth, Header, Host, KeySource, KeyVar};
use crate::providers::model_rules::{DialectRule, TemperatureRule};
use crate::providers::protocols::{Dialect, Quirks};
use serde_json::json;

/// <https://platform.openai.com/docs/api-reference>. Obfuscation pads every delta with random text: it is turned off.
pub(super) fn openai() -> Host {
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
pub(super) fn anthropic() -> Host {
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

/// <https://ai.google.dev/api/generate-content>. The Gemini API beside Vertex. Its SDK (google-genai 3.6) asks version
/// `v1`, and takes `GOOGLE_API_KEY` before `GEMINI_API_KEY`; here the first is Vertex's, so that whoever has it does not
/// find a second provider switched on (docs/decisions/087).
pub(super) fn google() -> Host {
    let header = Auth::Header("x-goog-api-key".into());
    Host {
        base_url: url("https://generativelanguage.googleapis.com/v1"),
        base_url_vars: vec![url_var(env_vars::GOOGLE_GEMINI_BASE_URL, "/v1")],
        keys: KeySource {
            vars: vec![KeyVar { name: env_vars::GEMINI_API_KEY.into(), auth: header.clone() }],
            auth: header,
            ..keys(&[])
        },
        ..Host::new("google", "Google Gemini API", Dialect::Gemini)
    }
}

/// <https://docs.mistral.ai/api/endpoint/chat>. It refuses `max_completion_tokens` and `stream_options` with a 422; the
/// last chunk always holds the usage. Models that reason send `content` as a list of parts.
pub(super) fn mistral() -> Host {
    Host {
        base_url: url("https://api.mistral.ai/v1"),
        base_url_vars: vec![url_var(env_vars::MISTRAL_BASE_URL, "")],
        keys: keys(&[env_vars::MISTRAL_API_KEY]),
        quirks: Quirks {
            max_tokens_field: true,
            no_usage_option: true,
            usage_unasked: true,
            ..Quirks::default()
        },
        ..Host::new("mistral", "Mistral", Dialect::Chat)
    }
}

/// <https://api-docs.deepseek.com/api/create-chat-completion>. Comments keep the connection open while a request waits.
pub(super) fn deepseek() -> Host {
    Host {
        base_url: url("https://api.deepseek.com"),
        base_url_vars: vec![url_var(env_vars::DEEPSEEK_BASE_URL, "")],
        keys: keys(&[env_vars::DEEPSEEK_API_KEY]),
        quirks: Quirks { max_tokens_field: true, ..Quirks::default() },
        ..Host::new("deepseek", "DeepSeek", Dialect::Chat)
    }
}

/// <https://docs.x.ai/docs/api-reference>. `max_tokens` is deprecated there. `completion_tokens` leaves reasoning out.
pub(super) fn xai() -> Host {
    Host {
        base_url: url("https://api.x.ai/v1"),
        base_url_vars: vec![url_var(env_vars::XAI_BASE_URL, "")],
        keys: keys(&[env_vars::XAI_API_KEY]),
        quirks: Quirks { output_excludes_reasoning: true, ..Quirks::default() },
        ..Host::new("xai", "xAI", Dialect::Chat)
    }
}

/// <https://docs.cohere.com/docs/compatibility-api>. The compatible API refuses `stream_options`; the vendor's SDK (7.3)
/// speaks another format. The list is on the API beside it (`listing::parts`).
pub(super) fn cohere() -> Host {
    Host {
        base_url: url("https://api.cohere.ai/compatibility/v1"),
        base_url_vars: vec![url_var(env_vars::CO_API_URL, "/compatibility/v1")],
        keys: keys(&[env_vars::CO_API_KEY, env_vars::COHERE_API_KEY]),
        quirks: Quirks { max_tokens_field: true, no_usage_option: true, ..Quirks::default() },
        ..Host::new("cohere", "Cohere", Dialect::Chat)
    }
}

/// <https://docs.perplexity.ai/api-reference/chat-completions-post>. Every answer searches the web first. Usage comes
/// with the chunks; its SDK (0.46) knows no `stream_options`.
pub(super) fn perplexity() -> Host {
    Host {
        base_url: url("https://api.perplexity.ai"),
        base_url_vars: vec![url_var(env_vars::PERPLEXITY_BASE_URL, "")],
        keys: keys(&[env_vars::PERPLEXITY_API_KEY]),
        quirks: Quirks {
            max_tokens_field: true,
            no_usage_option: true,
            usage_unasked: true,
            ..Quirks::default()
        },
        ..Host::new("perplexity", "Perplexity", Dialect::Chat)
    }
}

/// <https://platform.kimi.ai/docs/api/chat>. `max_tokens` is deprecated there. Without `include_usage` the usage stands
/// in the last choice. Models from kimi-k2.5 on take one temperature alone.
pub(super) fn moonshot() -> Host {
    Host {
        base_url: url("https://api.moonshot.ai/v1"),
        base_url_vars: vec![url_var(env_vars::MOONSHOT_BASE_URL, "")],
        keys: keys(&[env_vars::MOONSHOT_API_KEY]),
        ..Host::new("moonshot", "Moonshot AI", Dialect::Chat)
    }
}

/// <https://docs.z.ai/api-reference/llm/chat-completion>. It knows `max_tokens` alone, and its SDK (0.2) no
/// `stream_options`; the last chunk holds the usage. Models from glm-4.5 on think unless told otherwise.
pub(super) fn zai() -> Host {
    Host {
        base_url: url("https://api.z.ai/api/paas/v4"),
        base_url_vars: vec![url_var(env_vars::ZAI_BASE_URL, "")],
        keys: keys(&[env_vars::ZAI_API_KEY]),
        quirks: Quirks {
            max_tokens_field: true,
            no_usage_option: true,
            usage_unasked: true,
            ..Quirks::default()
        },
        ..Host::new("zai", "Z.ai", Dialect::Chat)
    }
}
