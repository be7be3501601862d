//! Providers that were added from their documents alone: what each is asked, held by a snapshot and against what the
//! vendor's own SDK sends, and the row of an answer in the form that its documents show.

use super::bench::{Case, KEY, Login, Measured};
use super::http::{self, Request};
use serde_json::{Value, json};
use std::fmt::Write;
use std::fs;
use std::path::Path;

const COMPLETION_TOKENS: &str = "provider_usage_completion_tokens";

/// A provider, with the address and the model under which its SDK was recorded.
const fn row(
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

pub const AZURE: Case = row(
    "azure",
    "gpt-4o-mini",
    ("AZURE_OPENAI_ENDPOINT", "/"),
    "AZURE_OPENAI_API_KEY",
    "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21",
    "azure_chat_completions_stream",
);

pub const GOOGLE: Case = Case {
    token_source: "provider_usage_candidates_tokens",
    ..row(
        "google",
        "gemini-2.5-flash",
        ("GOOGLE_GEMINI_BASE_URL", ""),
        "GEMINI_API_KEY",
        "/v1/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        "google_gemini_stream",
    )
};

const MISTRAL: Case = row(
    "mistral",
    "mistral-small-latest",
    ("MISTRAL_BASE_URL", "/v1"),
    "MISTRAL_API_KEY",
    "/v1/chat/completions",
    "mistral_chat_completions_stream",
);

const DEEPSEEK: Case = row(
    "deepseek",
    "deepseek-chat",
    ("DEEPSEEK_BASE_URL", ""),
    "DEEPSEEK_API_KEY",
    "/chat/completions",
    "deepseek_chat_completions_stream",
);

const XAI: Case = row(
    "xai",
    "grok-4",
    ("XAI_BASE_URL", "/v1"),
    "XAI_API_KEY",
    "/v1/chat/completions",
    "xai_chat_completions_stream",
);

/// Its answer holds no counts.
const COHERE: Case = Case {
    token_source: "tiktoken_visible_text",
    ..row(
        "cohere",
        "command-a-03-2025",
        ("CO_API_URL", ""),
        "CO_API_KEY",
        "/compatibility/v1/chat/completions",
        "cohere_chat_completions_stream",
    )
};

const PERPLEXITY: Case = row(
    "perplexity",
    "sonar",
    ("PERPLEXITY_BASE_URL", ""),
    "PERPLEXITY_API_KEY",
    "/chat/completions",
    "perplexity_chat_completions_stream",
);

const SAMBANOVA: Case = row(
    "sambanova",
    "Meta-Llama-3.3-70B-Instruct",
    ("SAMBA_NOVA_BASE_URL", "/v1"),
    "SAMBANOVA_API_KEY",
    "/v1/chat/completions",
    "sambanova_chat_completions_stream",
);

const NEBIUS: Case = row(
    "nebius",
    "Qwen/Qwen3-32B",
    ("NEBIUS_BASE_URL", "/v1"),
    "NEBIUS_API_KEY",
    "/v1/chat/completions",
    "nebius_chat_completions_stream",
);

const NOVITA: Case = row(
    "novita",
    "deepseek/deepseek-v3.1",
    ("NOVITA_BASE_URL", "/openai/v1"),
    "NOVITA_API_KEY",
    "/openai/v1/chat/completions",
    "novita_chat_completions_stream",
);

const MOONSHOT: Case = row(
    "moonshot",
    "kimi-k2.6",
    ("MOONSHOT_BASE_URL", "/v1"),
    "MOONSHOT_API_KEY",
    "/v1/chat/completions",
    "moonshot_chat_completions_stream",
);

const ZAI: Case = row(
    "zai",
    "glm-4.6",
    ("ZAI_BASE_URL", "/api/paas/v4"),
    "ZAI_API_KEY",
    "/api/paas/v4/chat/completions",
    "zai_chat_completions_stream",
);

const NVIDIA: Case = row(
    "nvidia",
    "meta/llama-3.1-8b-instruct",
    ("NVIDIA_BASE_URL", "/v1"),
    "NVIDIA_API_KEY",
    "/v1/chat/completions",
    "nvidia_chat_completions_stream",
);

const HUGGINGFACE: Case = row(
    "huggingface",
    "openai/gpt-oss-20b",
    ("HUGGINGFACE_BASE_URL", "/v1"),
    "HF_TOKEN",
    "/v1/chat/completions",
    "huggingface_chat_completions_stream",
);

const LAMBDA: Case = row(
    "lambda",
    "llama3.1-8b-instruct",
    ("LAMBDA_BASE_URL", "/v1"),
    "LAMBDA_API_KEY",
    "/v1/chat/completions",
    "lambda_chat_completions_stream",
);

const DATABRICKS: Case = row(
    "databricks",
    "databricks-gpt-oss-20b",
    ("DATABRICKS_HOST", ""),
    "DATABRICKS_TOKEN",
    "/serving-endpoints/chat/completions",
    "databricks_chat_completions_stream",
);

/// Each with what its row must hold, from the answer in `tests/cassettes`: 4 visible tokens, reasoning where there is any.
fn all() -> Vec<(Case, Value)> {
    let plain = |input: u64| json!({"input_tokens": input, "output_tokens": 4, "visible_output_tokens": 4});
    let told = |input: u64| json!({"input_tokens": input, "output_tokens": 9, "reasoning_tokens": 5, "visible_output_tokens": 4});
    let untold = |input: u64, output: u64| json!({"input_tokens": input, "output_tokens": output});
    vec![
        (AZURE, plain(19)),
        (GOOGLE, told(14)),
        (MISTRAL, untold(17, 10)),
        (DEEPSEEK, told(20)),
        // The count of the output leaves reasoning out.
        (
            XAI,
            json!({"input_tokens": 30, "cached_input_tokens": 6, "output_tokens": 16, "reasoning_tokens": 12}),
        ),
        (COHERE, json!({"input_tokens": null, "output_tokens": 4})),
        (PERPLEXITY, plain(12)),
        (
            SAMBANOVA,
            json!({"input_tokens": 46, "output_tokens": 4,
            "provider_timing": {"time_to_first_token": 0.0625, "total_latency": 0.125}}),
        ),
        (NEBIUS, untold(21, 9)),
        (NOVITA, told(21)),
        // Its usage stands in the last choice.
        (MOONSHOT, json!({"input_tokens": 26, "output_tokens": 9, "cached_input_tokens": 8})),
        (ZAI, told(16)),
        (NVIDIA, plain(23)),
        (HUGGINGFACE, untold(21, 9)),
        (LAMBDA, plain(24)),
        (DATABRICKS, untold(71, 9)),
    ]
}

/// The recorded answer of a provider.
fn answer(case: &Case) -> String {
    let file = if case.provider == "google" {
        "gemini/google_api.sse".to_owned()
    } else {
        format!("chat/{}.sse", case.provider)
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cassettes").join(file);
    let body = fs::read_to_string(path).unwrap();
    http::answer("200 OK", "content-type: text/event-stream\r\n", &body)
}

/// The request as text: all that is not of this run.
fn told(request: &Request) -> String {
    let mut text = format!("{} {}\n", request.method, request.path);
    let mut headers: Vec<&(String, String)> = request
        .headers
        .iter()
        .filter(|(name, _)| !["host", "content-length"].contains(&name.as_str()))
        .collect();
    headers.sort();
    for (name, value) in headers {
        writeln!(text, "{name}: {}", value.replace(env!("CARGO_PKG_VERSION"), "VERSION").replace(KEY, "KEY"))
            .unwrap();
    }
    format!("{text}\n{}\n", serde_json::to_string_pretty(&request.json()).unwrap())
}

#[test]
fn each_is_asked_what_documents_and_sdk_say_and_its_answer_is_a_row() {
    for (case, wanted) in all() {
        let measured = case.measure_answer(&answer(&case));
        assert_eq!(measured.request().path, case.path);
        as_the_sdk(case.provider, &measured);
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(format!("request_{}", case.provider), told(measured.request()));
        });
        let row = measured.row();
        let fixed = json!({"provider": case.provider, "model_name": case.model, "request_mode": case.request_mode,
            "attempt": 1, "adaptations": []});
        for (field, value) in fixed.as_object().unwrap().iter().chain(wanted.as_object().unwrap()) {
            assert_eq!(&row[field], value, "{field} of {}: {row}", case.provider);
        }
        let source = row["token_source"].as_str().unwrap();
        assert!(source.starts_with(case.token_source), "{}: {source}", case.provider);
        assert!(row["finish_reason"].is_string() && row["response_id"].is_string(), "{row}");
    }
}

/// What the vendor's SDK sent, from `tests/fixtures/sdk_requests`.
fn recorded(name: &str) -> Value {
    let file = format!("tests/fixtures/sdk_requests/{name}.json");
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Headers that show who is calling.
const LOGINS: [&str; 4] = ["authorization", "api-key", "x-api-key", "x-goog-api-key"];

fn as_the_sdk(name: &str, measured: &Measured) {
    let (sdk, ours) = (recorded(name), measured.request());
    let who = &sdk["sdk"];
    assert_eq!((&sdk["method"], &sdk["path"]), (&json!(ours.method), &json!(ours.path)), "{name}, {who}");
    for header in LOGINS {
        // SambaNova's SDK shows its key twice; once is what its documents want.
        if name == "sambanova" && header == "x-api-key" {
            continue;
        }
        assert_eq!(sdk["headers"][header].as_str(), ours.header(header), "{header}: {name}, {who}");
    }
    let (theirs, ours) = (sdk["body"].as_object().unwrap(), ours.json());
    for (field, value) in theirs.iter().filter(|(_, value)| !value.is_null()) {
        assert_eq!(&ours[field], value, "{field}: {name}, {who}");
    }
    let more: Vec<&String> =
        ours.as_object().unwrap().keys().filter(|field| !theirs.contains_key(*field)).collect();
    assert!(more.is_empty(), "{name} is sent {more:?}, which {who} does not send");
}

#[test]
fn a_ready_token_of_azure_is_shown_as_the_sdk_shows_it() {
    let token = Case { login: Login::Key("AZURE_OPENAI_AD_TOKEN"), ..AZURE };
    as_the_sdk("azure_token", &token.measure_answer(&answer(&AZURE)));
}

#[test]
fn the_host_of_databricks_may_be_a_name_alone() {
    // Nobody listens there: the message names the address that was made of it.
    let home = crate::support::Home::new();
    let mut command = home.llmbench(&["run", "--ndjson", "--no-store", "-m", "databricks:x"]);
    command.env("DATABRICKS_HOST", "workspace.invalid").env("DATABRICKS_TOKEN", KEY);
    let printed = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let row: Value = serde_json::from_str(printed.lines().next().unwrap()).unwrap();
    assert!(row["message"].as_str().unwrap().contains("workspace.invalid"), "{row}");
}
