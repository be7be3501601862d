//! Rows of one day in 2026, and the binary that is asked about them.

use crate::stores::backend::Backend;
use crate::support::Home;
use crate::support::catalog::put_model;
use crate::support::samples::{failed, failure, run, success};
use chrono::{DateTime, TimeDelta, Utc};
use llmbench::domain::failure::{fingerprint, normalize};
use llmbench::domain::{Failure, FailureKind, FailureStage, ModelRef};
use llmbench::storage::Store;
use std::process::Output;
use std::sync::Arc;

/// A store with rows in it, and a home for the binary.
pub struct World {
    pub backend: Backend,
    pub store: Arc<dyn Store>,
    pub home: Home,
}

/// The flags that take in the whole day and nothing else.
pub const DAY: [&str; 4] = ["--from", "2026-08-01", "--to", "2026-08-02"];

/// A moment of the day.
pub fn at(minutes: i64) -> DateTime<Utc> {
    "2026-08-01T10:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minutes)
}

/// A failure with everything that follows from its kind and message.
pub fn broken(
    id: &str,
    model: &str,
    minutes: i64,
    kind: FailureKind,
    stage: FailureStage,
    message: &str,
) -> Failure {
    let model: ModelRef = model.parse().unwrap();
    let mut failure = failure(id, &model.provider, &model.model_id);
    (failure.ts, failure.error_kind, failure.stage) = (at(minutes), kind, stage);
    message.clone_into(&mut failure.message);
    failure.normalized_message = normalize(message);
    failure.fingerprint =
        fingerprint(&model.provider, &model.model_id, stage, kind, &failure.normalized_message);
    failure.http_status = (stage == FailureStage::Response).then_some(429);
    failure.provider_error_code = failure.provider_error_code.filter(|_| kind == FailureKind::RateLimit);
    failure
}

/// Both stores, filled alike.
pub async fn worlds() -> [World; 2] {
    [world(Backend::sqlite()).await, world(Backend::mongo().await).await]
}

async fn world(backend: Backend) -> World {
    let store = backend.open(&["cloud-default-v1"]).await;
    store.init().await.unwrap();
    for (model, enabled) in
        [("groq:llama", true), ("groq:gone", false), ("openai:gpt", true), ("vertex:dead", true)]
    {
        put_model(&*store, &model.parse().unwrap(), "", enabled).await.unwrap();
    }
    for (number, (model, minutes)) in
        [("groq:llama", 0), ("groq:llama", 30), ("groq:llama", 60), ("openai:gpt", 5), ("openai:gpt", 2000)]
            .into_iter()
            .enumerate()
    {
        let model: ModelRef = model.parse().unwrap();
        let mut run = run(&format!("run-{number}"), &model.provider, &model.model_id);
        (run.run_ts, run.gen_ts) = (at(minutes), at(minutes) + TimeDelta::milliseconds(1333));
        store.record(&success(&run)).await.unwrap();
    }
    let mut probe = run("probe-1", "groq", "gone");
    (probe.run_ts, probe.gen_ts, probe.sample_role) = (at(1), at(2), "manual".to_owned());
    store.record(&success(&probe)).await.unwrap();
    let limit =
        "Error code: 429 - Rate limit reached for model `llama` in organization `org` on tokens per minute";
    let gone = "Error code: 404 - The model `gone` does not exist or you do not have access to it";
    for failure in [
        broken("e1", "groq:llama", 10, FailureKind::RateLimit, FailureStage::Response, limit),
        broken("e2", "groq:llama", 20, FailureKind::RateLimit, FailureStage::Response, limit),
        broken("e3", "groq:gone", 11, FailureKind::HardModel, FailureStage::Response, gone),
        broken("e4", "groq:gone", 12, FailureKind::HardModel, FailureStage::Response, gone),
        broken(
            "e5",
            "groq:gone",
            45,
            FailureKind::Timeout,
            FailureStage::Request,
            "no first byte within 60 s",
        ),
        broken("e6", "vertex:dead", 50, FailureKind::Auth, FailureStage::Prepare, "no credentials"),
        broken("late", "vertex:dead", 3000, FailureKind::Auth, FailureStage::Prepare, "no credentials"),
    ] {
        store.record(&failed(&failure)).await.unwrap();
    }
    World { backend, store, home: Home::new() }
}

impl World {
    /// Whether it is on a server.
    pub fn is_mongo(&self) -> bool {
        matches!(self.backend, Backend::Mongo(_))
    }

    /// Asks the binary in a terminal of so many columns.
    pub fn at_columns(&self, columns: u32, arguments: &[&str]) -> Output {
        let mut command = self.home.llmbench(arguments);
        command.args(["--store", &self.backend.url()]).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
        if columns > 0 {
            command.env("COLUMNS", columns.to_string());
        }
        command.output().unwrap()
    }

    /// Asks the binary, which writes into a pipe.
    pub fn ask(&self, arguments: &[&str]) -> Output {
        self.at_columns(0, arguments)
    }

    /// What it printed, where it ended well.
    pub fn told(&self, arguments: &[&str]) -> String {
        let output = self.ask(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", errors(&output));
        text(&output)
    }

    /// The JSON document that it printed.
    pub fn document(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.told(arguments)).unwrap()
    }
}

/// What was written to standard output.
pub fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What was written to standard error.
pub fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
