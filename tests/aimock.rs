//! A server that this project did not write speaks the wire formats: the binary has to understand it without knowing it.
//! It comes by npm, as mongosh does: see `support::node`.

use crate::support::peers::process;
use crate::support::{Home, PATIENCE, node};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const PACKAGE: &str = "@copilotkit/aimock@1.43.0";

/// Text of its answers: 15 pieces of 8 characters.
const TEXT: &str = "Once upon a time there was a world that told its own history, and every chapter ended well for \
    everybody who listened.";

/// A running one, and a home that knows where it is.
struct Aimock {
    process: process::Process,
    directory: PathBuf,
    home: Home,
    url: String,
}

/// A model in each wire format that it serves.
const MODELS: [&str; 7] = [
    "openai:gpt-4o",
    "openai:gpt-5",
    "anthropic:claude-sonnet-4-5",
    "gemini:gemini-2.5-flash",
    "vertex:gemini-2.5-flash",
    "bedrock:eu.amazon.nova-pro-v1:0",
    "openrouter:deepseek/deepseek-chat",
];

/// What is checked, each on every model.
const CHECKS: [fn(&Aimock, &str); 4] = [a_story, reasoning, a_cut_stream, a_refusal];

#[test]
fn an_independent_server_is_understood() {
    let server = Aimock::start();
    for model in MODELS {
        CHECKS.iter().for_each(|check| check(&server, model));
    }
}

fn number(row: &Value, field: &str) -> f64 {
    row[field].as_f64().unwrap_or_else(|| panic!("{field} in {row}"))
}

fn a_story(server: &Aimock, model: &str) {
    let row = server.ask(model, "Tell a story.");
    assert_eq!(row["outcome"], "success", "{model}: {row}");
    assert_eq!((&row["output_tokens"], &row["input_tokens"]), (&json!(27), &json!(21)), "{model}");
    assert!(row["token_source"].as_str().unwrap().starts_with("provider_usage_"), "{model}");
    assert_eq!(number(&row, "visible_stream_chunks"), 15.0, "{model}");
    // Its wait comes before the head, and the pieces after it.
    assert!(number(&row, "headers_seconds") >= 0.050, "{model}: {row}");
    assert!(number(&row, "time_to_first_token") >= number(&row, "headers_seconds"), "{model}");
    assert!(number(&row, "last_visible_seconds") > number(&row, "time_to_first_token"), "{model}: {row}");
    let natural = ["stop", "completed", "end_turn", "STOP"];
    assert!(natural.contains(&row["finish_reason"].as_str().unwrap()), "{model}: {row}");
    assert_eq!(row["adaptations"], json!([]), "{model}: nothing was refused");
}

fn reasoning(server: &Aimock, model: &str) {
    let row = server.ask(model, "Think first.");
    assert_eq!(row["outcome"], "success", "{model}: {row}");
    let (reasoned, visible) =
        (number(&row, "time_to_first_reasoning_token"), number(&row, "time_to_first_token"));
    // On a busy machine both may come in one read.
    assert!(0.050 <= reasoned && reasoned <= visible, "{model}: {reasoned}, {visible}");
    assert_eq!(number(&row, "visible_stream_chunks"), 15.0, "{model}");
    assert!(number(&row, "visible_output_tokens") < number(&row, "output_tokens"), "{model}: {row}");
}

fn a_cut_stream(server: &Aimock, model: &str) {
    let row = server.ask(model, "Break off.");
    assert_eq!(
        (&row["outcome"], &row["error_kind"]),
        (&json!("failure"), &json!("truncated")),
        "{model}: {row}"
    );
    assert_eq!((&row["stage"], &row["http_status"]), (&json!("stream"), &json!(200)), "{model}: {row}");
}

fn a_refusal(server: &Aimock, model: &str) {
    let row = server.ask(model, "Refuse.");
    assert_eq!(
        (&row["outcome"], &row["error_kind"]),
        (&json!("failure"), &json!("rate_limit")),
        "{model}: {row}"
    );
    assert_eq!((&row["stage"], &row["http_status"]), (&json!("response"), &json!(429)), "{model}: {row}");
    assert_eq!(row["message"], "Slow down.", "{model}");
}

fn fixtures() -> Value {
    let usage = json!({"prompt_tokens": 21, "completion_tokens": 27, "total_tokens": 48});
    let pace = json!({"ttft": 50, "tps": 200, "jitter": 0});
    let said = |prompt: &str| json!({"userMessage": prompt});
    let thought = "The reader wants a story, so let us find one that ends well.";
    let refusal = json!({"message": "Slow down.", "type": "rate_limit_error", "code": "rate_limit_exceeded"});
    json!({"fixtures": [
        {"match": said("Tell a story."), "streamingProfile": pace, "chunkSize": 8,
            "response": {"content": TEXT, "usage": usage}},
        {"match": said("Think first."), "streamingProfile": pace, "chunkSize": 8,
            "response": {"content": TEXT, "reasoning": thought, "usage": usage}},
        {"match": said("Break off."), "streamingProfile": pace, "chunkSize": 8, "truncateAfterChunks": 6,
            "response": {"content": TEXT, "usage": usage}},
        {"match": said("Refuse."), "response": {"error": refusal, "status": 429}},
    ]})
}

impl Aimock {
    fn start() -> Self {
        let installed = node::package("aimock-1.43.0", PACKAGE);
        let directory = process::fresh_directory();
        let file = directory.join("fixtures.json");
        std::fs::write(&file, fixtures().to_string()).unwrap();
        let mut command = node::node();
        command.arg(installed.join("node_modules/.bin/llmock")).args(["--port", "0", "--log-level", "info"]);
        command.arg("--fixtures").arg(file);
        let process = process::Process::start(command, &directory);
        let url = url(&process, &directory);
        let home = Home::new();
        std::fs::write(home.path().join("hosts.toml"), configuration(&url)).unwrap();
        Self { process, directory, home, url }
    }

    /// One measurement with this prompt, which chooses the answer.
    fn ask(&self, model: &str, prompt: &str) -> Value {
        let arguments = ["run", "--config", "hosts.toml", "--no-store", "--ndjson", "--model", model];
        let mut command = self.home.llmbench(&arguments);
        command.args(["--no-cache-bust", "--prompt", prompt]).env("PATH", "/usr/bin:/bin");
        for (variable, path) in [
            ("OPENAI_BASE_URL", "/v1"),
            ("ANTHROPIC_BASE_URL", ""),
            ("VERTEX_BASE_URL", ""),
            ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", ""),
            ("OPENROUTER_BASE_URL", "/api/v1"),
        ] {
            command.env(variable, format!("{}{path}", self.url));
        }
        for variable in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENROUTER_API_KEY", "AWS_SECRET_ACCESS_KEY"]
        {
            command.env(variable, "key-of-nobody");
        }
        command.env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE").env("AWS_REGION", "eu-west-1");
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{model}: {error}: {said}"))
    }
}

impl Drop for Aimock {
    fn drop(&mut self) {
        self.process.kill();
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

/// It serves Gemini's own API, and Vertex with a project.
fn configuration(url: &str) -> String {
    format!(
        "[providers.gemini]\ndialect = \"gemini\"\nbase_url = \"{url}/v1beta\"\n\
         [providers.vertex]\nproject = \"bench\"\nkey_command = \"printf token-of-nobody\"\n"
    )
}

/// The address that it logs once it listens.
fn url(process: &process::Process, directory: &Path) -> String {
    let start = Instant::now();
    loop {
        let output = std::fs::read_to_string(directory.join("output")).unwrap_or_default();
        let whole = &output[..output.rfind('\n').unwrap_or(0)];
        if let Some((_, url)) = whole.lines().find_map(|line| line.split_once("listening on ")) {
            return url.trim().to_owned();
        }
        assert!(process.is_running(), "aimock ended at once:\n{output}");
        assert!(start.elapsed() < PATIENCE, "aimock did not start:\n{output}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
