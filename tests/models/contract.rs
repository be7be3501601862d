//! The tables of what the dashboard and the operators' scripts read, held against what commands and a daemon store in a real
//! mongod: each field, its BSON types, and the collection. The tables are those of the dashboard's release of 2026-08-19 and
//! of the Python runner's data contract; tests/stores/mongo.rs holds the runner's own sample documents.

use super::endpoints::Router;
use crate::stores::backend::Backend;
use crate::stores::mongo::bson_type;
use crate::support::PATIENCE;
use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use rustix::process::{Pid, Signal, kill_process};
use std::process::Stdio;
use std::time::{Duration, Instant};

const DIRECT: &str = "groq:steady-ttft5-gap1-n64";
const ROUTED: &str = "openrouter:sim/early-stop";

/// A field and the types that it may have.
type FieldRule = (&'static str, &'static str);

/// A counted run: `metrics_cloud_v2`.
const RUN: &[FieldRule] = &[
    ("provider", "string"),
    ("model_name", "string"),
    ("run_ts", "date"),
    ("gen_ts", "date"),
    ("tokens_per_second", "double"),
    ("visible_tokens_per_second", "double null"),
    ("generated_tokens_per_second", "double null"),
    ("time_to_first_token", "double null"),
    ("ttft_available", "bool"),
    ("times_between_tokens", "array"),
    ("output_tokens", "int null"),
    ("generated_output_tokens", "int null"),
    ("visible_output_tokens", "int null"),
    ("reasoning_tokens", "int null"),
    ("input_tokens", "int null"),
    ("cached_input_tokens", "int null"),
    ("total_tokens", "int null"),
    ("generate_time", "double"),
    ("requested_tokens", "int"),
    ("temperature", "double null"),
    ("misc", "object"),
    ("metrics_schema_version", "int"),
    ("token_source", "string"),
    ("request_mode", "string"),
    ("finish_reason", "string null"),
    ("response_id", "string null"),
    ("response_status", "string null"),
    ("reasoning_effort", "string null"),
    ("validation_policy", "string"),
    ("benchmark_profile_id", "string"),
    ("sample_role", "string"),
    ("protocol_version", "int"),
    ("attempt_group", "string"),
    ("attempt", "int"),
    ("time_to_64_visible_tokens_seconds", "double null"),
    ("transport_provider", "string null"),
    ("observed_provider", "string null"),
    ("route_endpoint_tag", "string"),
    ("quantization", "string null"),
    ("stream_resolution", "string"),
    ("visible_stream_chunks", "int"),
    ("max_tokens_per_chunk", "int"),
];

/// Where a model is in its lifecycle: `model_status`.
const STATUS: &[FieldRule] = &[
    ("provider", "string"),
    ("model_id", "string"),
    ("status", "string"),
    ("confidence", "string"),
    ("reasons", "array"),
    ("recommended_actions", "array"),
    ("catalog_state", "string"),
    ("computed_at", "date"),
    ("display_name", "string"),
    ("metrics", "object"),
];

const STATUS_WORDS: [&str; 8] = [
    "active",
    "monitor",
    "failing",
    "stale",
    "likely_deprecated",
    "deprecated",
    "disabled",
    "never_succeeded",
];

const STATUS_METRICS: &[FieldRule] = &[
    ("last_success", "date"),
    ("successes_7d", "int"),
    ("successes_30d", "int"),
    ("successes_120d", "int"),
    ("errors_7d", "int"),
    ("errors_30d", "int"),
    ("hard_failures_7d", "int"),
    ("hard_failures_30d", "int"),
];

/// A model's key across providers: `bench_model_identity`.
const IDENTITY: &[FieldRule] = &[
    ("provider", "string"),
    ("model_id", "string"),
    ("canonical_key", "string"),
    ("effective_from", "date"),
    ("policy_version", "int"),
    ("resolved", "bool"),
];

/// An endpoint of a router's model: `bench_endpoints`.
const ENDPOINT: &[FieldRule] = &[
    ("model_id", "string"),
    ("endpoint_tag", "string"),
    ("provider_canonical", "string"),
    ("provider_name", "string"),
    ("quantization", "string null"),
    ("enabled", "bool"),
    ("or_status", "int null"),
    ("or_uptime_1d", "double null"),
    ("or_throughput_p50", "double null"),
    ("last_seen_at", "date"),
];

/// The freshness of a model whose one endpoint is pinned: `bench_model_health`.
const HEALTH: &[FieldRule] =
    &[("endpoint_tag", "string"), ("last_success_at", "date"), ("freshness_status", "string")];

/// Self-checks: `bench_check_runs`.
const CHECKS: &[FieldRule] = &[
    ("checked_at", "date"),
    ("threshold_version", "int"),
    ("cadence_seconds", "int"),
    ("results", "array"),
    ("audits", "array"),
];

/// An entry of the catalog: `models`.
const ENTRY: &[FieldRule] = &[
    ("provider", "string"),
    ("model_id", "string"),
    ("display_name", "string"),
    ("enabled", "bool"),
    ("created_at", "date"),
];

/// Readers take whole numbers of either size.
fn type_word(value: &Bson) -> &'static str {
    match bson_type(value) {
        "long" => "int",
        other => other,
    }
}

#[track_caller]
fn holds(what: &str, rules: &[FieldRule], row: &Document) {
    for (field, types) in rules {
        let found = row.get(field).map(type_word);
        let is_allowed = found.is_some_and(|found| types.split(' ').any(|allowed| allowed == found));
        assert!(is_allowed, "{what}.{field} is to be {types} and is {found:?}: {row}");
    }
}

async fn one(database: &Database, collection: &str, filter: Document) -> Document {
    let begun = Instant::now();
    loop {
        let rows = database.collection::<Document>(collection);
        if let Some(row) = rows.find_one(filter.clone()).await.unwrap() {
            return row;
        }
        assert!(begun.elapsed() < PATIENCE, "no {filter} in {collection}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_of_the_contract_holds_in_what_is_stored() {
    let backend = Backend::mongo().await;
    let Backend::Mongo(database) = &backend else { panic!() };
    let database = database.clone();
    let router = Router::new(backend);
    let configuration = router.office.configuration();
    std::fs::write(configuration, "[daemon]\ncadence = 1\ntick = 1.0\n").unwrap();
    router.done(&["models", "add", DIRECT, &format!("{ROUTED}@deepinfra/fp4"), "--yes"]);
    router.done(&["models", "set", DIRECT, "--quantization", "fp8", "--canonical", "steady"]);
    router.done(&["catalog", "sync", "--provider", "openrouter"]);
    let mut daemon = router.command(&["daemon"]).stderr(Stdio::null()).spawn().unwrap();
    let published = |provider: &str| doc! { "provider": provider };
    let direct = one(&database, "metrics_cloud_v2", published("groq")).await;
    let routed = one(&database, "metrics_cloud_v2", published("openrouter")).await;
    let health = doc! { "provider": "openrouter", "endpoint_tag": { "$type": "string" }, "last_success_at": { "$type": "date" } };
    holds("health", HEALTH, &one(&database, "bench_model_health", health).await);
    let checks = one(&database, "bench_check_runs", doc! {}).await;
    kill_process(Pid::from_child(&daemon), Signal::TERM).unwrap();
    assert!(daemon.wait().unwrap().success());
    router.done(&["db", "refresh"]);

    for (what, row) in [("direct run", &direct), ("routed run", &routed)] {
        holds(what, RUN, row);
        assert!(row.get_f64("tokens_per_second").unwrap() >= 1.0, "{row}");
    }
    let text = |row: &Document, name: &str| row.get_str(name).unwrap_or("null").to_owned();
    let lane = |row| {
        ["route_endpoint_tag", "quantization", "transport_provider", "observed_provider"]
            .map(|name| text(row, name))
    };
    assert_eq!(lane(&direct), ["groq/direct", "fp8", "null", "null"]);
    assert_eq!(lane(&routed), ["deepinfra/fp4", "fp4", "openrouter", "DeepInfra"]);
    // 64 visible tokens were seen of the one, and not of the other.
    assert!(direct.get_f64("time_to_64_visible_tokens_seconds").unwrap() > 0.0);

    let status = one(&database, "model_status", published("groq")).await;
    holds("status", STATUS, &status);
    assert!(STATUS_WORDS.contains(&status.get_str("status").unwrap()), "{status}");
    holds("status.metrics", STATUS_METRICS, status.get_document("metrics").unwrap());
    assert!(!status.contains_key("transport_provider"), "it would turn the label into the raw id");
    assert!(["present", "missing", "unknown"].contains(&status.get_str("catalog_state").unwrap()));

    holds("identity", IDENTITY, &one(&database, "bench_model_identity", published("groq")).await);
    let endpoint = one(&database, "bench_endpoints", doc! { "endpoint_tag": "deepinfra/fp4" }).await;
    holds("endpoint", ENDPOINT, &endpoint);
    assert!(endpoint.get_bool("enabled").unwrap());
    let endpoints = database.collection::<Document>("bench_endpoints");
    let direct_ones = endpoints.count_documents(doc! { "endpoint_tag": "groq/direct" }).await.unwrap();
    assert_eq!(direct_ones, 0, "the page would show it as never run");

    holds("check run", CHECKS, &checks);
    let named = |name: &str| {
        let results = checks.get_array("results").unwrap().iter().filter_map(Bson::as_document);
        results.filter(|result| result.get_str("name").is_ok_and(|found| found == name)).count()
    };
    assert_eq!(named("endpoint_targets_are_being_measured"), 1);
    holds("entry", ENTRY, &one(&database, "models", published("groq")).await);
}
