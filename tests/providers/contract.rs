//! Rows that the binary wrote, in both stores: the data contract field by field and type by type, and what the dashboard
//! computes from them among the Python runner's rows.

use super::bench::{Case, token_server};
use super::cases::{ALL, OPENAI_CHAT};
use super::http;
use crate::support::Home;
use crate::support::catalog::put_model;
use crate::support::peers::{Mongod, fresh_name};
use llmbench::domain::ModelRef;
use llmbench::simulator;
use llmbench::storage::{self, CollectionNames, StoreLocation};
use mongodb::bson::{self, Bson, Document, doc};
use mongodb::{Cursor, Database};
use serde_json::Value;

/// 64 tokens, the first late enough that no busy moment of the machine makes the sample suspect.
const STEADY: &str = "steady-ttft200-gap1-n64";

/// Enables a case's model in a store, measures it there until a row is published, and gives the last line printed. The rows
/// of a starved client are not published, rightly: on a busy machine the last one may be such.
async fn publish(case: &Case, url: &str, scenario: &str, attempts: u32) -> Value {
    let location = StoreLocation::parse(url).unwrap();
    let store = storage::open(&location, &CollectionNames::default(), &["cloud-default-v1".to_owned()])
        .await
        .unwrap();
    store.init().await.unwrap();
    put_model(&*store, &ModelRef::new(case.provider, case.model), case.model, true).await.unwrap();
    let simulator = simulator::start_in_process().unwrap();
    let (address, _) = http::hand_on(simulator.addr, case.model, scenario, token_server);
    let home = Home::new();
    let name = format!("{}:{}", case.provider, case.model);
    let mut row = Value::Null;
    for _ in 0..attempts {
        let mut command = home.llmbench(&["run", "--ndjson", "--store", url, "--model", &name]);
        command.envs(case.environment(&format!("http://{address}"), home.path()));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        row = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
        assert_eq!(row["outcome"], "success", "{row}");
        if row["suspect"] == Value::Bool(false) {
            break;
        }
    }
    row
}

/// Everything that a cursor gives.
async fn all(mut cursor: Cursor<Document>) -> Vec<Document> {
    let mut rows = Vec::new();
    while cursor.advance().await.unwrap() {
        rows.push(cursor.deserialize_current().unwrap());
    }
    rows
}

/// A type of the contract.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Type {
    Text,
    Date,
    Double,
    Int,
    Flag,
    Object,
    Doubles,
    Texts,
}

use Type::{Date, Double, Doubles, Flag, Int, Object, Text, Texts};

/// Fields that hold a value in every row of a success.
const ALWAYS: [(&str, Type); 34] = [
    ("_id", Text),
    ("provider", Text),
    ("model_name", Text),
    ("run_ts", Date),
    ("gen_ts", Date),
    ("tokens_per_second", Double),
    ("generated_tokens_per_second", Double),
    ("visible_tokens_per_second", Double),
    ("ttft_available", Flag),
    ("times_between_tokens", Doubles),
    ("output_tokens", Int),
    ("generated_output_tokens", Int),
    ("visible_output_tokens", Int),
    ("input_tokens", Int),
    ("total_tokens", Int),
    ("generate_time", Double),
    ("requested_tokens", Int),
    ("max_output_tokens_attempted", Int),
    ("temperature", Double),
    ("misc", Object),
    ("metrics_schema_version", Int),
    ("token_source", Text),
    ("request_mode", Text),
    ("finish_reason", Text),
    ("response_id", Text),
    ("validation_policy", Text),
    ("visible_text_empty", Flag),
    ("benchmark_profile_id", Text),
    ("sample_role", Text),
    ("protocol_version", Int),
    ("attempt_group", Text),
    ("attempt", Int),
    ("visible_stream_chunks", Int),
    ("suspect", Flag),
];

/// Fields that hold a value of this type or null.
const PERHAPS: [(&str, Type); 22] = [
    ("time_to_first_token", Double),
    ("time_to_first_reasoning_token", Double),
    ("time_to_64_visible_tokens_seconds", Double),
    ("decode_tokens_per_second", Double),
    ("inter_token_latency", Double),
    ("max_stall_seconds", Double),
    ("connect_seconds", Double),
    ("headers_seconds", Double),
    ("first_event_seconds", Double),
    ("loop_lag_seconds", Double),
    ("reasoning_tokens", Int),
    ("cached_input_tokens", Int),
    ("max_tokens_per_chunk", Int),
    ("response_status", Text),
    ("reasoning_effort", Text),
    ("transport_provider", Text),
    ("observed_provider", Text),
    ("route_endpoint_tag", Text),
    ("quantization", Text),
    ("stream_resolution", Text),
    ("provider_timing", Object),
    ("adaptations", Texts),
];

fn has_type(value: &Bson, wanted: Type) -> bool {
    match (value, wanted) {
        (Bson::String(text), Text) => !text.is_empty(),
        (Bson::DateTime(_), Date) | (Bson::Boolean(_), Flag) | (Bson::Document(_), Object) => true,
        (Bson::Double(number), Double) => number.is_finite(),
        (Bson::Int32(number), Int) => *number >= 0,
        (Bson::Array(items), Doubles) => items.iter().all(|item| has_type(item, Double)),
        (Bson::Array(items), Texts) => items.iter().all(|item| has_type(item, Text)),
        _ => false,
    }
}

fn satisfies_the_contract(row: &Document, case: &Case) {
    for (field, wanted) in ALWAYS {
        let value = row.get(field).unwrap_or_else(|| panic!("no {field} in {row}"));
        assert!(has_type(value, wanted), "{}: {field} is {value:?}", case.request_mode);
    }
    for (field, wanted) in PERHAPS {
        let value = row.get(field).unwrap_or_else(|| panic!("no {field} in {row}"));
        assert!(
            *value == Bson::Null || has_type(value, wanted),
            "{}: {field} is {value:?}",
            case.request_mode
        );
    }
    let number = |field: &str| row.get_f64(field).unwrap();
    assert_eq!(
        (row.get_str("provider").unwrap(), row.get_str("model_name").unwrap()),
        (case.provider, case.model)
    );
    assert!(number("tokens_per_second") >= 1.0 && number("generate_time") > 0.0);
    assert!(number("time_to_first_token") >= 0.2 && row.get_bool("ttft_available").unwrap());
    assert_eq!(row.get("output_tokens"), row.get("generated_output_tokens"));
    assert_eq!(row.get("tokens_per_second"), row.get("generated_tokens_per_second"));
    assert_eq!(row.get_array("times_between_tokens").unwrap().len(), 63);
    for (field, value) in [("requested_tokens", 64), ("metrics_schema_version", 2), ("protocol_version", 1)] {
        assert_eq!(row.get_i32(field).unwrap(), value, "{field}");
    }
    for (field, value) in [
        ("benchmark_profile_id", "cloud-default-v1"),
        ("sample_role", "published"),
        ("validation_policy", "visible_nonzero"),
        ("request_mode", case.request_mode),
        ("token_source", case.token_source),
    ] {
        assert_eq!(row.get_str(field).unwrap(), value);
    }
    dates_are_real(row);
}

/// Both are now, and as far apart as the request took; milliseconds are not rounded away.
fn dates_are_real(row: &Document) {
    let at = |field: &str| row.get_datetime(field).unwrap().timestamp_millis();
    let (start, end) = (at("run_ts"), at("gen_ts"));
    let took = row.get_f64("generate_time").unwrap() * 1000.0;
    assert!(((end - start) as f64 - took).abs() < 1500.0, "{start} to {end} is not {took} ms");
    let age = chrono::Utc::now().timestamp_millis() - end;
    assert!((0..600_000).contains(&age), "{age} ms old");
}

async fn rows(database: &Database, collection: &str) -> Vec<Document> {
    all(database.collection::<Document>(collection).find(doc! {}).await.unwrap()).await
}

#[tokio::test]
async fn every_dialect_writes_what_readers_of_mongodb_expect() {
    let name = fresh_name();
    let database = Mongod::start().database(&name).await;
    for case in ALL {
        let printed = publish(case, &Mongod::start().uri(&name), STEADY, 3).await;
        let suspect = printed["suspect"] == Value::Bool(true);
        let found = rows(&database, if suspect { "metrics_cloud_probe" } else { "metrics_cloud_v2" }).await;
        let row = found.iter().find(|row| row.get_str("_id").ok() == printed["_id"].as_str());
        satisfies_the_contract(row.unwrap_or_else(|| panic!("no row of {}", case.request_mode)), case);
    }
    assert!(
        !rows(&database, "metrics_cloud_v2").await.is_empty(),
        "this machine was too busy to publish anything"
    );
    for row in rows(&database, "metrics_cloud_probe").await {
        assert!(
            row.get_bool("suspect").unwrap(),
            "a sound row of the published question is published: {row}"
        );
    }
    assert_eq!(rows(&database, "errors_cloud").await.len(), 0);
    let models =
        ALL.map(|case| (case.provider, case.model)).into_iter().collect::<std::collections::BTreeSet<_>>();
    let health = rows(&database, "bench_model_health").await;
    assert_eq!(health.len(), models.len());
    // A model of which a busy machine spoilt every sample is not fresh, and rightly so.
    for row in rows(&database, "metrics_cloud_v2").await {
        let model = row.get_str("model_name").unwrap();
        let of_model = health.iter().find(|row| row.get_str("model_id").ok() == Some(model)).unwrap();
        assert_eq!(of_model.get_str("freshness_status").ok(), Some("fresh"), "{of_model}");
    }
}

#[tokio::test]
async fn every_dialect_writes_the_same_into_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("runs.db");
    for case in ALL {
        let mut printed =
            publish(case, &format!("sqlite:{}", file.display()), "steady-ttft20-gap0-n64", 1).await;
        printed.as_object_mut().unwrap().remove("outcome");
        let connection = rusqlite::Connection::open(&file).unwrap();
        let id = printed["_id"].as_str().unwrap();
        let published = printed["suspect"] == Value::Bool(false);
        let stored: String = connection
            .query_row("SELECT doc FROM runs WHERE id = ?1 AND published = ?2", (id, published), |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(serde_json::from_str::<Value>(&stored).unwrap(), printed, "{}", case.request_mode);
    }
}

/// The Python runner's rows, moved to now, so that both kinds stand in one window.
fn python_rows() -> Vec<Document> {
    let samples: Value = serde_json::from_str(include_str!("../data/python-runner-documents.json")).unwrap();
    // BSON's own reader understands extended JSON.
    let mut rows: Vec<Document> = serde_json::from_value(samples["metrics_cloud_v2"].clone()).unwrap();
    for row in &mut rows {
        row.insert("run_ts", bson::DateTime::now());
    }
    rows
}

/// What a page of the dashboard asks: a window, means by model, medians of the first token.
fn dashboard(from: bson::DateTime) -> Vec<Document> {
    vec![
        doc! { "$match": { "run_ts": { "$gte": from }, "tokens_per_second": { "$gte": 1 } } },
        doc! { "$addFields": { "day": { "$dateToString": { "format": "%Y-%m-%d", "date": "$run_ts" } } } },
        doc! { "$group": {
            "_id": { "provider": "$provider", "model_name": "$model_name" },
            "n": { "$sum": 1 },
            "tokens_per_second": { "$avg": "$tokens_per_second" },
            "visible": { "$avg": "$visible_tokens_per_second" },
            "time_to_first_token": { "$avg": "$time_to_first_token" },
            "types": { "$addToSet": { "$type": "$tokens_per_second" } },
            "newest": { "$max": "$run_ts" },
            "days": { "$addToSet": "$day" },
        } },
        doc! { "$sort": { "_id.provider": 1, "_id.model_name": 1 } },
    ]
}

#[tokio::test]
async fn the_dashboards_means_take_old_and_new_rows_alike() {
    let name = fresh_name();
    let database = Mongod::start().database(&name).await;
    let metrics = database.collection::<Document>("metrics_cloud_v2");
    let old = python_rows();
    metrics.insert_many(&old).await.unwrap();
    // Ours under the very lane of one of theirs: side by side, both runners write the same model's rows.
    let lane = old[0].get_str("model_name").unwrap();
    metrics
        .update_one(
            doc! { "model_name": lane },
            doc! { "$set": { "provider": "openai", "model_name": OPENAI_CHAT.model } },
        )
        .await
        .unwrap();
    let ours = publish(&OPENAI_CHAT, &Mongod::start().uri(&name), STEADY, 50).await;
    let hour = bson::DateTime::from_millis(chrono::Utc::now().timestamp_millis() - 3_600_000);
    let groups = all(metrics.aggregate(dashboard(hour)).await.unwrap()).await;
    assert_eq!(groups.len(), 2, "{groups:?}");
    let theirs = old[0].get_f64("tokens_per_second").unwrap();
    let mean = (theirs + ours["tokens_per_second"].as_f64().unwrap()) / 2.0;
    let lane =
        groups.iter().find(|group| group.get_i32("n").is_ok_and(|n| n == 2)).expect("both in one lane");
    assert!((lane.get_f64("tokens_per_second").unwrap() - mean).abs() < 1e-9, "{lane}");
    for group in &groups {
        assert_eq!(group.get_array("types").unwrap(), &[Bson::from("double")], "{group}");
        let means = ["tokens_per_second", "visible", "time_to_first_token"];
        assert!(means.iter().all(|mean| group.get_f64(mean).is_ok_and(|mean| mean > 0.0)), "{group}");
        assert!(group.get_datetime("newest").is_ok(), "{group}");
    }
}
