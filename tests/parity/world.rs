//! A database as operators have one: the Python runner's documents, months of rows, and rows that nobody should have written.

use crate::support::peers::{Mongod, fresh_name};
use crate::support::{Home, python_runner};
use chrono::{TimeDelta, Utc};
use llmbench::storage::{self, CollectionNames, StoreLocation};
use mongodb::Database;
use mongodb::bson::{Bson, DateTime, Document, doc};
use serde_json::Value;

/// The database, and a home for the binary that is asked about it.
pub struct World {
    pub database: Database,
    pub home: Home,
}

/// So many minutes ago. Nothing is within ten minutes of the beginning of a window of 24 hours.
fn ago(minutes: i64) -> DateTime {
    let minutes = if (1430..=1450).contains(&minutes) { minutes + 30 } else { minutes };
    DateTime::from_millis((Utc::now() - TimeDelta::minutes(minutes)).timestamp_millis())
}

/// What providers say when they fail, with the Python runner's kind.
const MESSAGES: [(&str, &str); 7] = [
    ("rate_limit", "Error code: 429 - Rate limit reached for model `x` on tokens per minute"),
    ("rate_limit", "Too Many Requests"),
    ("unknown", "output_tokens 30 not within 10% of requested 64"),
    ("hard_model", "Error code: 404 - The model `x` does not exist or you do not have access to it"),
    ("auth", "The config profile (bench) could not be found"),
    ("timeout", "benchmark timed out after 60s"),
    ("unknown", "peer closed connection without sending complete message body"),
];

impl World {
    pub async fn new() -> Self {
        let database = Mongod::start().database(&fresh_name()).await;
        let world = Self { database, home: Home::new() };
        let location = StoreLocation::parse(&world.uri()).unwrap();
        let store =
            storage::open(&location, &CollectionNames::default(), &["cloud-default-v1".to_owned()]).await;
        store.unwrap().init().await.unwrap();
        for collection in [
            "models",
            "metrics_cloud_v2",
            "metrics_cloud_probe",
            "errors_cloud",
            "error_rollups",
            "bench_jobs",
        ] {
            world
                .put(collection, python_runner::documents(collection).into_iter().map(lately).collect())
                .await;
        }
        world.put("models", models()).await;
        world.put("metrics_cloud_v2", runs()).await;
        world.put("errors_cloud", errors()).await;
        world.put("provider_catalog", listed()).await;
        world.put("bench_discovery_runs", reads()).await;
        world
    }

    pub fn uri(&self) -> String {
        Mongod::start().uri(self.database.name())
    }

    async fn put(&self, collection: &str, rows: Vec<Document>) {
        self.database.collection::<Document>(collection).insert_many(rows).await.unwrap();
    }

    /// What the binary prints for programs.
    pub fn told(&self, arguments: &[&str]) -> Value {
        let mut command = self.home.llmbench(arguments);
        let output = command.args(["--json", "--store", &self.uri()]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text).unwrap_or_else(|error| {
            panic!("{arguments:?}: {error}\n{text}\n{}", String::from_utf8_lossy(&output.stderr))
        })
    }

    /// Runs the binary, which must succeed.
    pub fn done(&self, arguments: &[&str]) {
        let output = self.home.llmbench(arguments).args(["--store", &self.uri()]).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The Python runner's samples as if they were of three hours ago.
fn lately(mut row: Document) -> Document {
    for (_, value) in row.iter_mut() {
        if matches!(value, Bson::DateTime(_)) {
            *value = ago(180).into();
        }
    }
    row
}

fn models() -> Vec<Document> {
    let entry = |provider: &str, id: &str, enabled: bool| {
        doc! { "provider": provider, "model_id": id, "display_name": id, "enabled": enabled, "created_at": ago(90_000) }
    };
    let mut all = Vec::new();
    for provider in ["groq", "openai", "fireworks"] {
        all.extend((0..6).map(|number| entry(provider, &format!("model-{number}"), number < 4)));
    }
    let with = |mut row: Document, more: Document| {
        row.extend(more);
        row
    };
    let off = |days: i64, reason: Bson| {
        doc! { "disabled_reason": reason, "disabled_class": "hard_model", "disabled_at": ago(days * 1440 + 60) }
    };
    all.push(with(entry("groq", "gone-lately", false), off(1, "decommissioned".into())));
    all.push(with(entry("openai", "gone-this-week", false), off(5, "says 404 since Monday".into())));
    all.push(with(entry("openai", "gone-for-long", false), off(40, "billing".into())));
    all.push(with(entry("groq", "gone-odd", false), off(2, doc! { "why": "nobody knows" }.into())));
    all.push(with(entry("groq", "deprecated", true), doc! { "deprecated": true }));
    all.push(with(entry("groq", "half-enabled", true), doc! { "enabled": "yes" }));
    all.push(doc! { "provider": "groq", "model_id": "nameless", "enabled": true });
    all
}

fn runs() -> Vec<Document> {
    let run = |number: i64, provider: &str, model: String| {
        let start = ago(number * 47 + 3);
        doc! {
            "_id": format!("run-{number}-{provider}-{model}"), "provider": provider, "model_name": model,
            "run_ts": start, "gen_ts": start, "tokens_per_second": 50.0, "time_to_first_token": 0.2,
            "sample_role": "published", "benchmark_profile_id": "cloud-default-v1",
        }
    };
    // Models 0 and 1 of each provider answer; model 1 of openai did until yesterday.
    let mut all: Vec<Document> = (0..60)
        .flat_map(|number| {
            ["groq", "openai", "fireworks"].into_iter().flat_map(move |provider| {
                (0..2)
                    .filter(move |model| !(provider == "openai" && *model == 1 && number < 35))
                    .map(move |model| run(number, provider, format!("model-{model}")))
            })
        })
        .collect();
    let now = ago(1);
    all.push(doc! { "_id": "odd-1", "run_ts": now });
    all.push(doc! { "_id": "odd-2", "run_ts": "2026-08-01", "provider": 7, "model_name": ["x"] });
    all
}

fn errors() -> Vec<Document> {
    let mut all = Vec::new();
    for number in 0..140_i64 {
        let provider = ["groq", "openai", "fireworks", "bedrock"][(number % 4) as usize];
        let (kind, message) = MESSAGES[(number % 7) as usize];
        let model = format!("model-{}", number % 5);
        all.push(doc! {
            "provider": provider, "model_name": model, "ts": ago(number * 29 + 2), "stage": "response",
            "error_kind": kind, "message": message, "fingerprint": format!("{provider}{number}"),
        });
    }
    let ts = ago(30);
    all.push(doc! { "_id": "bare", "ts": ts });
    all.push(doc! { "_id": 7, "ts": ts, "provider": 7, "model_name": ["x"], "error_kind": {"a": 1}, "message": 404 });
    all.push(doc! { "_id": "texts", "ts": "2026-08-01 10:00", "provider": "groq", "model_name": "model-0" });
    // The Python runner dated rows by local time labelled UTC: some lie ahead.
    all.push(doc! { "_id": "ahead", "ts": ago(-120), "provider": "groq", "model_name": "model-4",
    "error_kind": "timeout", "message": "benchmark timed out after 60s" });
    all
}

fn listed() -> Vec<Document> {
    let row = |provider: &str, id: &str| {
        doc! {
            "provider": provider, "model_id": id, "name": id, "first_seen_at": ago(60_000), "last_seen_at": ago(61),
            "raw": { "id": id },
        }
    };
    let mut all = Vec::new();
    for provider in ["groq", "openai"] {
        all.extend((0..5).map(|number| row(provider, &format!("model-{number}"))));
        all.extend((0..3).map(|number| row(provider, &format!("unknown-{number}"))));
    }
    all.extend((1..3).map(|number| row("fireworks", &format!("model-{number}"))));
    all
}

fn reads() -> Vec<Document> {
    let read = |provider: &str| {
        doc! {
            "provider": provider, "started_at": ago(62), "finished_at": ago(61), "status": "completed",
            "error": null, "raw_count": 8, "accepted_count": 8, "new_count": 0, "pagination_complete": true,
            "source_version": 1,
        }
    };
    ["groq", "openai", "fireworks", "together", "cerebras"].map(read).to_vec()
}
