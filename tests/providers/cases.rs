//! Every built-in provider in every wire format that it speaks.

use super::bench::{Case, Login};
use super::documented::{AZURE, GOOGLE};

const COMPLETION_TOKENS: &str = "provider_usage_completion_tokens";
const OUTPUT_TOKENS: &str = "provider_usage_output_tokens";

const fn chat(
    provider: &'static str,
    model: &'static str,
    base: (&'static str, &'static str),
    key: &'static str,
    path: &'static str,
    request_mode: &'static str,
) -> Case {
    Case {
        provider,
        model,
        base,
        login: Login::Key(key),
        path,
        request_mode,
        token_source: COMPLETION_TOKENS,
    }
}

pub const OPENAI_CHAT: Case = chat(
    "openai",
    "gpt-4o-mini",
    ("OPENAI_BASE_URL", "/openai/v1"),
    "OPENAI_API_KEY",
    "/openai/v1/chat/completions",
    "openai_chat_completions_stream",
);

pub const OPENAI_RESPONSES: Case = Case {
    token_source: OUTPUT_TOKENS,
    ..chat(
        "openai",
        "gpt-5-mini",
        ("OPENAI_BASE_URL", "/openai/v1/"),
        "OPENAI_API_KEY",
        "/openai/v1/responses",
        "openai_responses_stream",
    )
};

pub const OPENAI_COMPLETIONS: Case = chat(
    "openai",
    "gpt-3.5-turbo-instruct",
    ("OPENAI_BASE_URL", "/openai/v1"),
    "OPENAI_API_KEY",
    "/openai/v1/completions",
    "openai_completions_stream",
);

pub const ANTHROPIC: Case = Case {
    token_source: OUTPUT_TOKENS,
    ..chat(
        "anthropic",
        "claude-sonnet-4-5",
        ("ANTHROPIC_BASE_URL", ""),
        "ANTHROPIC_API_KEY",
        "/v1/messages",
        "anthropic_messages_stream",
    )
};

pub const BEDROCK: Case = Case {
    provider: "bedrock",
    model: "eu.amazon.nova-pro-v1:0",
    base: ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", ""),
    login: Login::Aws,
    path: "/model/eu.amazon.nova-pro-v1%3A0/converse-stream",
    request_mode: "bedrock_converse_stream",
    token_source: OUTPUT_TOKENS,
};

pub const VERTEX_EXPRESS: Case = Case {
    provider: "vertex",
    model: "gemini-2.5-flash",
    base: ("VERTEX_BASE_URL", ""),
    login: Login::Key("GOOGLE_API_KEY"),
    path: "/v1/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
    request_mode: "vertex_gemini_stream",
    token_source: "provider_usage_candidates_tokens",
};

pub const VERTEX_GEMINI: Case = Case {
    login: Login::ServiceAccount,
    path: "/v1/projects/bench-project/locations/europe-west4/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
    ..VERTEX_EXPRESS
};

pub const VERTEX_CLAUDE: Case = Case {
    model: "claude-sonnet-4-5@20250929",
    path: "/v1/projects/bench-project/locations/europe-west4/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict",
    request_mode: "vertex_messages_stream",
    token_source: OUTPUT_TOKENS,
    ..VERTEX_GEMINI
};

pub const VERTEX_MAAS: Case = Case {
    model: "meta/llama-4-maverick-17b-128e-instruct-maas",
    path: "/v1/projects/bench-project/locations/europe-west4/endpoints/openapi/chat/completions",
    request_mode: "vertex_chat_completions_stream",
    token_source: COMPLETION_TOKENS,
    ..VERTEX_GEMINI
};

pub const GROQ: Case = chat(
    "groq",
    "openai/gpt-oss-20b",
    ("GROQ_BASE_URL", "/groq"),
    "GROQ_API_KEY",
    "/groq/openai/v1/chat/completions",
    "groq_chat_completions_stream",
);

pub const TOGETHER: Case = chat(
    "together",
    "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    ("TOGETHER_BASE_URL", "/together"),
    "TOGETHER_API_KEY",
    "/together/v1/chat/completions",
    "together_chat_completions_stream",
);

pub const CEREBRAS: Case = chat(
    "cerebras",
    "gpt-oss-120b",
    ("CEREBRAS_BASE_URL", "/cerebras"),
    "CEREBRAS_API_KEY",
    "/cerebras/v1/chat/completions",
    "cerebras_chat_completions_stream",
);

pub const FIREWORKS: Case = chat(
    "fireworks",
    "accounts/fireworks/models/glm-4p6",
    ("FIREWORKS_BASE_URL", "/fireworks"),
    "FIREWORKS_API_KEY",
    "/fireworks/v1/chat/completions",
    "fireworks_chat_completions_stream",
);

pub const DEEPINFRA: Case = chat(
    "deepinfra",
    "Qwen/Qwen3-32B",
    ("DEEPINFRA_BASE_URL", "/deepinfra/v1/openai"),
    "DEEPINFRA_TOKEN",
    "/deepinfra/v1/openai/chat/completions",
    "deepinfra_chat_completions_stream",
);

pub const OPENROUTER: Case = chat(
    "openrouter",
    "deepseek/deepseek-chat-v3.1",
    ("OPENROUTER_BASE_URL", "/openrouter/api/v1"),
    "OPENROUTER_API_KEY",
    "/openrouter/api/v1/chat/completions",
    "openrouter_chat_completions_stream",
);

/// All of them, and two of those added from their documents whose addresses are of another kind.
pub const ALL: [&Case; 17] = [
    &OPENAI_CHAT,
    &OPENAI_RESPONSES,
    &OPENAI_COMPLETIONS,
    &ANTHROPIC,
    &BEDROCK,
    &VERTEX_EXPRESS,
    &VERTEX_GEMINI,
    &VERTEX_CLAUDE,
    &VERTEX_MAAS,
    &GROQ,
    &TOGETHER,
    &CEREBRAS,
    &FIREWORKS,
    &DEEPINFRA,
    &OPENROUTER,
    &AZURE,
    &GOOGLE,
];
