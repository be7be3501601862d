//! Every provider at once: all lists are asked for before any is answered, each in its own words and with its own key.

use super::servers::{Answer, Gate, Server, json};
use crate::support::Home;
use serde_json::Value;
use std::process::Output;

/// Requests of the first round: nine hosts with one address each, Bedrock's two lists, Vertex' eleven publishers.
const FIRST_ROUND: usize = 9 + 2 + 11;

fn cassette(name: &str) -> Answer {
    let path = format!("{}/tests/cassettes/listing/{name}.json", env!("CARGO_MANIFEST_DIR"));
    json(std::fs::read(path).unwrap())
}

fn recorded(path: &str) -> Answer {
    let file = match path {
        "/openai/models" => "openai",
        "/anthropic/v1/models?limit=1000" => "anthropic_1",
        "/anthropic/v1/models?limit=1000&after_id=claude-sonnet-4-5-20250929" => "anthropic_2",
        "/groq/openai/v1/models" => "groq",
        "/together/v1/models" => "together",
        "/cerebras/v1/models" => "cerebras",
        "/fireworks/v1/accounts/fireworks/models?pageSize=200" => "fireworks_1",
        "/fireworks/v1/accounts/fireworks/models?pageSize=200&pageToken=Cgh0b2tlbiAx%26%3D" => "fireworks_2",
        "/deepinfra/models" => "deepinfra",
        "/openrouter/models?limit=1000&offset=0" => "openrouter_1",
        "/openrouter/models?limit=1000&offset=2" => "openrouter_2",
        "/aws/foundation-models" => "bedrock_models",
        "/aws/inference-profiles?maxResults=1000&type=SYSTEM_DEFINED" => "bedrock_profiles_1",
        path if path.starts_with("/aws/inference-profiles?maxResults=1000&nextToken=eyJ") => {
            "bedrock_profiles_2"
        }
        "/vertex/v1beta1/publishers/google/models?pageSize=100" => "vertex_google_1",
        "/vertex/v1beta1/publishers/google/models?pageSize=100&pageToken=AMEw9yO%2B%2F%3D" => {
            "vertex_google_2"
        }
        "/vertex/v1beta1/publishers/anthropic/models?pageSize=100" => "vertex_anthropic",
        "/vertex/v1beta1/publishers/meta/models?pageSize=100" => "vertex_meta",
        path if path.starts_with("/vertex/v1beta1/publishers/") => "vertex_nothing",
        "/vllm/v1/models" => "vllm",
        other => return Answer::Whole(404, format!("no record of {other}").into_bytes()),
    };
    cassette(file)
}

#[test]
fn all_providers_are_read_side_by_side() {
    let gate = Gate::new(FIRST_ROUND);
    let server = Server::start(move |path| {
        if gate.pass() { recorded(path) } else { Answer::Whole(500, b"one after another".to_vec()) }
    });
    let output = sync_everybody(&server);
    let text = String::from_utf8(output.stdout).unwrap();
    let said: Value = serde_json::from_str(&text).unwrap();
    let notes = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said["whole"].as_bool()), (Some(0), Some(true)), "{text}{notes}");
    let counts: Vec<(&str, u64, u64)> = said["providers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let count = |name: &str| one[name].as_u64().unwrap();
            (one["provider"].as_str().unwrap(), count("raw_count"), count("new_count"))
        })
        .collect();
    let expected = [
        ("openai", 4, 4),
        ("anthropic", 3, 3),
        ("bedrock", 7, 3),
        ("vertex", 7, 4),
        ("groq", 3, 3),
        ("together", 5, 2),
        ("cerebras", 2, 2),
        ("fireworks", 4, 2),
        ("deepinfra", 3, 1),
        ("openrouter", 3, 3),
        ("vllm", 1, 1),
    ];
    assert_eq!(counts, expected);
    assert!(!format!("{text}{notes}").contains("canary"));
    keys_went_where_they_belong(&server.heads());
}

/// One sync without `--provider`, every provider configured to be found at the server.
fn sync_everybody(server: &Server) -> Output {
    let home = Home::new();
    let config = format!(
        "[providers.bedrock]\nbase_url = '{}'\nregion = 'us-east-1'\n[providers.vllm]\ndialect = 'chat'\nbase_url = '{}'\n",
        server.url("/aws"),
        server.url("/vllm/v1"),
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config).unwrap();
    let mut command =
        home.llmbench(&["catalog", "sync", "--json", "--config", file.path().to_str().unwrap()]);
    for (variable, path) in [
        ("OPENAI_BASE_URL", "/openai"),
        ("ANTHROPIC_BASE_URL", "/anthropic"),
        ("GROQ_BASE_URL", "/groq"),
        ("TOGETHER_BASE_URL", "/together"),
        ("CEREBRAS_BASE_URL", "/cerebras"),
        ("FIREWORKS_BASE_URL", "/fireworks"),
        ("DEEPINFRA_BASE_URL", "/deepinfra"),
        ("OPENROUTER_BASE_URL", "/openrouter"),
        ("VERTEX_BASE_URL", "/vertex"),
    ] {
        command.env(variable, server.url(path));
    }
    for variable in [
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "GROQ_API_KEY",
        "TOGETHER_API_KEY",
        "CEREBRAS_API_KEY",
        "FIREWORKS_API_KEY",
        "DEEPINFRA_API_KEY",
        "OPENROUTER_API_KEY",
        "GOOGLE_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
    ] {
        command.env(variable, format!("canary-{variable}"));
    }
    command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").output().unwrap()
}

/// Each request shows its own provider's key, in that provider's way, and no other.
fn keys_went_where_they_belong(heads: &[String]) {
    let header = |path: &str, name: &str| {
        let head = heads.iter().find(|head| head.contains(&format!("GET {path}"))).unwrap();
        assert!(head.matches("canary").count() <= 1, "{head}");
        let found = head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        });
        found.unwrap_or_else(|| panic!("no {name} in {head}"))
    };
    assert_eq!(header("/openai/", "authorization"), "Bearer canary-OPENAI_API_KEY");
    assert_eq!(header("/anthropic/", "x-api-key"), "canary-ANTHROPIC_API_KEY");
    assert_eq!(header("/anthropic/", "anthropic-version"), "2023-06-01");
    assert_eq!(header("/fireworks/", "authorization"), "Bearer canary-FIREWORKS_API_KEY");
    assert_eq!(header("/vertex/", "x-goog-api-key"), "canary-GOOGLE_API_KEY");
    assert_eq!(header("/groq/", "accept"), "application/json");
    let signed = header("/aws/foundation-models", "authorization");
    assert!(
        signed.starts_with("AWS4-HMAC-SHA256") && signed.contains("/us-east-1/bedrock/aws4_request"),
        "{signed}"
    );
    assert!(
        heads
            .iter()
            .filter(|head| head.contains("/vllm/"))
            .all(|head| !head.to_lowercase().contains("authorization"))
    );
}
