//! Hosts that the configuration file adds: each dialect, each place for a key, each quirk that a file can set.

use super::bench::{self, KEY, Measured};
use super::http;
use crate::support::Home;
use llmbench::simulator;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const MODEL: &str = "own-model";

/// Measures the model of a host `own` whose section holds these lines; `ADDRESS` stands for the simulator's.
fn measure(section: &str, prepare: impl FnOnce(&Path)) -> Measured {
    let simulator = simulator::start_in_process().unwrap();
    let (address, kept) = http::hand_on(simulator.addr, MODEL, "steady-ttft5-gap1-n16", |_| None);
    let home = Home::new();
    let config = format!("[providers.own]\n{section}\n").replace("ADDRESS", &address.to_string());
    std::fs::write(home.path().join("own.toml"), config).unwrap();
    prepare(home.path());
    let model = format!("own:{MODEL}");
    let mut command =
        home.llmbench(&["run", "--config", "own.toml", "--ndjson", "--no-store", "--model", &model]);
    command.env("OWN_KEY", KEY).env("PATH", "/usr/bin:/bin");
    bench::measured(command.output().unwrap(), &kept)
}

#[test]
fn every_dialect_with_a_key_from_the_environment() {
    for (dialect, path, header, shown, mode) in [
        ("chat", "/v1/chat/completions", "authorization", "Bearer ", "own_chat_completions_stream"),
        ("responses", "/v1/responses", "authorization", "Bearer ", "own_responses_stream"),
        ("completions", "/v1/completions", "authorization", "Bearer ", "own_completions_stream"),
        ("messages", "/v1/messages", "x-api-key", "", "own_messages_stream"),
        (
            "gemini",
            "/v1/models/own-model:streamGenerateContent?alt=sse",
            "x-goog-api-key",
            "",
            "own_gemini_stream",
        ),
    ] {
        let section =
            format!("dialect = \"{dialect}\"\nbase_url = \"http://ADDRESS/v1\"\nkey_env = \"OWN_KEY\"");
        let measured = measure(&section, |_| {});
        let (row, request) = (measured.row(), measured.request());
        assert_eq!((&row["request_mode"], &row["output_tokens"]), (&json!(mode), &json!(16)));
        assert_eq!((&row["provider"], &row["model_name"]), (&json!("own"), &json!(MODEL)));
        assert_eq!(request.path, path);
        assert_eq!(request.header(header), Some(format!("{shown}{KEY}").as_str()), "{dialect}");
        let version = (dialect == "messages").then_some("2023-06-01");
        assert_eq!(request.header("anthropic-version"), version);
    }
}

const CHAT: &str = "dialect = \"chat\"\nbase_url = \"http://ADDRESS/v1\"\n";

#[test]
fn a_host_without_a_key_is_sent_none() {
    let measured = measure(CHAT, |_| {});
    measured.row();
    assert_eq!(measured.request().header("authorization"), None);
}

#[test]
fn a_key_from_a_file_that_its_owner_alone_can_read() {
    let section = format!("{CHAT}key_file = \"key\"");
    let write = |mode: u32| {
        move |home: &Path| {
            let file = home.join("key");
            std::fs::write(&file, format!("{KEY}\n")).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    let measured = measure(&section, write(0o600));
    measured.row();
    assert_eq!(measured.request().header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    let measured = measure(&section, write(0o644));
    assert_eq!((measured.output.status.code(), measured.requests.len()), (Some(2), 0));
    assert!(measured.stderr().contains("chmod 600"), "{}", measured.stderr());
}

#[test]
fn a_key_from_a_command_in_a_header_of_its_own() {
    let section =
        format!("{CHAT}key_command = \"printf %s canary-7f3a91c2\"\nkey_header = \"x-gateway-key\"");
    let measured = measure(&section, |_| {});
    measured.row();
    let request = measured.request();
    assert_eq!((request.header("x-gateway-key"), request.header("authorization")), (Some(KEY), None));
}

#[test]
fn headers_body_and_quirks_of_its_own() {
    let section = format!(
        "{CHAT}max_tokens_field = false\nno_usage_option = true\nomit_temperature = true\n\
         [providers.own.headers]\nx-benchmark = \"yes\"\n[providers.own.body]\ntop_k = 40\nstore = false"
    );
    let measured = measure(&section, |_| {});
    let (row, request) = (measured.row(), measured.request());
    assert_eq!(request.header("x-benchmark"), Some("yes"));
    let mut body = request.json();
    let prompt = body.as_object_mut().unwrap().remove("messages").unwrap();
    assert_eq!(prompt[0]["role"], "user");
    let wanted =
        json!({"model": MODEL, "stream": true, "max_completion_tokens": 64, "top_k": 40, "store": false});
    assert_eq!(body, wanted);
    // Nobody told the counts, so the row says who counted.
    assert_eq!(row["token_source"], "tiktoken_visible_text");
}

#[test]
fn a_path_a_query_and_a_header_for_the_key() {
    let section = "dialect = \"chat\"\nbase_url = \"http://ADDRESS/gateway\"\nkey_env = \"OWN_KEY\"\nkey_header = \"x-key\"\n\
         path = \"/of/{model}/chat/completions\"\nquery = { version = \"2 b\", tenant = \"ä\" }";
    let measured = measure(section, |_| {});
    measured.row();
    let request = measured.request();
    assert_eq!(request.path, "/gateway/of/own-model/chat/completions?tenant=%C3%A4&version=2%20b");
    assert_eq!((request.header("x-key"), request.header("authorization")), (Some(KEY), None));
    assert_eq!(request.json()["model"], MODEL);
}

#[test]
fn the_list_of_a_host_has_its_own_path_and_the_same_query() {
    let (address, kept) = http::serve(|_| http::json(&json!({"data": [{"id": "a"}, {"id": "b"}]})));
    let home = Home::new();
    let config = format!(
        "[providers.own]\ndialect = \"chat\"\nbase_url = \"http://{address}/v1\"\nmodels_path = \"/deployments\"\n\
         query = {{ v = \"1\" }}\n"
    );
    std::fs::write(home.path().join("own.toml"), config).unwrap();
    let mut command =
        home.llmbench(&["catalog", "sync", "--config", "own.toml", "-p", "own", "--store", "sqlite:s.db"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(kept.only().path, "/v1/deployments?v=1");
}

#[test]
fn what_cannot_be_a_path_or_a_query_is_refused_with_its_reason() {
    for (line, said) in [
        ("path = \"no\"", "path: it must begin with /"),
        ("path = \"/a?b=c\"", "belong into query"),
        ("path = \"/{deployment}\"", "{model}"),
        ("models_path = \"/of/{model}\"", "models_path:"),
        ("query = { api_key = \"canary-7f3a91c2\" }", "looks like a key"),
    ] {
        let measured = measure(&format!("{CHAT}{line}"), |_| {});
        assert_eq!(measured.output.status.code(), Some(2), "{line}");
        assert!(
            measured.stderr().contains("[providers.own]") && measured.stderr().contains(said),
            "{}",
            measured.stderr()
        );
    }
}

#[test]
fn the_older_budget_word_is_the_usual_one() {
    let body = measure(CHAT, |_| {}).request().json();
    assert_eq!((&body["max_tokens"], &body["max_completion_tokens"]), (&json!(64), &Value::Null));
}
