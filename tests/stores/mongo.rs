//! What only a server can get wrong: types that readers depend on, indexes that others made first, silence, logins,
//! crashes.

use crate::support::catalog::put_model;
use crate::support::peers::{Mongod, fresh_name};
use crate::support::samples::{failed, failure, now, run, success};
use llmbench::domain::{ModelRef, Series};
use llmbench::storage::claims::{ClaimResult, JobOutcome, SlotClaim};
use llmbench::storage::health::{Cadences, Heartbeat, SelfCheckResult, SelfCheckRun};
use llmbench::storage::{self, CollectionNames, RecordOutcome, Store, StoreError, StoreLocation};
use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

async fn open(uri: &str) -> Result<Arc<dyn Store>, StoreError> {
    let location = StoreLocation::parse(uri).unwrap();
    storage::open(&location, &CollectionNames::default(), &["cloud-default-v1".to_owned()]).await
}

/// A store on the shared server with rows of each kind in it, and its database.
async fn filled() -> (Arc<dyn Store>, Database) {
    let name = fresh_name();
    let store = open(&Mongod::start().uri(&name)).await.unwrap();
    store.init().await.unwrap();
    put_model(&*store, &ModelRef::new("groq", "m"), "M", true).await.unwrap();
    store.record(&success(&run("r", "groq", "m"))).await.unwrap();
    let mut probe = run("p", "groq", "m");
    probe.sample_role = "shadow".to_owned();
    store.record(&success(&probe)).await.unwrap();
    store.record(&failed(&failure("f", "groq", "m"))).await.unwrap();
    (store, Mongod::start().database(&name).await)
}

fn python_runner() -> Map<String, Value> {
    serde_json::from_str(include_str!("../data/python-runner-documents.json")).unwrap()
}

/// The BSON type of a value in canonical extended JSON.
fn type_of(value: &Value) -> &'static str {
    let tags =
        [("$date", "date"), ("$numberInt", "int"), ("$numberDouble", "double"), ("$numberLong", "long")];
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(fields) => {
            tags.iter().find(|(tag, _)| fields.contains_key(*tag)).map_or("object", |(_, name)| name)
        }
        Value::Number(_) => panic!("no bare number in canonical extended JSON: {value}"),
    }
}

pub fn bson_type(value: &Bson) -> &'static str {
    match value {
        Bson::Null => "null",
        Bson::Boolean(_) => "bool",
        Bson::String(_) => "string",
        Bson::Array(_) => "array",
        Bson::DateTime(_) => "date",
        Bson::Int32(_) => "int",
        Bson::Int64(_) => "long",
        Bson::Double(_) => "double",
        Bson::Document(_) => "object",
        other => panic!("no row holds {other:?}"),
    }
}

/// A job that was given up, a heartbeat, a self-check and refreshed health.
async fn sign_of_life(store: &dyn Store) {
    let series = Series {
        model: ModelRef::new("groq", "m"),
        profile_id: "cloud-default-v1".to_owned(),
        vantage: "main".to_owned(),
    };
    let claim = SlotClaim {
        slot: series.slot_at(chrono::Utc::now(), 60),
        owner: "one".to_owned(),
        ttl: Duration::from_secs(60),
        max_attempts: 2,
        deadline_seconds: 60,
    };
    let ClaimResult::Granted(grant) = store.claim(&claim).await.unwrap() else { panic!() };
    let ending = JobOutcome::GivenUp { kind: "unknown".to_owned(), message: "no".to_owned() };
    assert!(store.settle(&grant, &ending).await.unwrap());
    let details = Map::from_iter([("expired".to_owned(), 0.into())]);
    store.heartbeat(&[Heartbeat { component: "reaper".to_owned(), details }]).await.unwrap();
    let result = SelfCheckResult {
        name: "none_starved".to_owned(),
        ok: true,
        evaluated: true,
        violation_count: 0,
        error: None,
        subjects: Vec::new(),
    };
    let run = SelfCheckRun {
        checked_at: now(),
        threshold_version: 5,
        cadence_seconds: 1800,
        baseline: None,
        results: vec![result],
        audits: Vec::new(),
    };
    store.keep_check_run(&run).await.unwrap();
    store.refresh_health(&Cadences::default()).await.unwrap();
}

#[tokio::test]
async fn every_field_has_the_python_runners_type() {
    let (store, database) = filled().await;
    sign_of_life(&*store).await;
    let samples = python_runner();
    for name in [
        "metrics_cloud_v2",
        "metrics_cloud_probe",
        "errors_cloud",
        "error_rollups",
        "bench_model_health",
        "models",
        "bench_jobs",
        "bench_scheduler_heartbeats",
        "bench_check_runs",
    ] {
        let ours = database.collection::<Document>(name).find_one(doc! {}).await.unwrap().expect(name);
        for theirs in samples[name].as_array().unwrap() {
            for (field, value) in theirs.as_object().unwrap().iter().filter(|(field, _)| *field != "_id") {
                let (wanted, found) = (type_of(value), bson_type(ours.get(field).expect(field)));
                let same = wanted == found || wanted == "null" || found == "null";
                assert!(same, "{name}.{field} was {wanted} and is {found}");
            }
        }
        let gaps = ours.get_array("times_between_tokens").map(Vec::as_slice).unwrap_or_default();
        assert!(gaps.iter().all(|gap| bson_type(gap) == "double"), "{gaps:?}");
    }
}

#[tokio::test]
async fn types_of_the_contract_that_the_samples_do_not_show() {
    let (_store, database) = filled().await;
    let row = database.collection::<Document>("metrics_cloud_v2").find_one(doc! {}).await.unwrap().unwrap();
    for (field, wanted) in [
        ("time_to_64_visible_tokens_seconds", "double"),
        ("dispatch_delay_seconds", "double"),
        ("visible_stream_chunks", "int"),
        ("max_tokens_per_chunk", "int"),
        ("cached_input_tokens", "int"),
        ("suspect", "bool"),
        ("adaptations", "array"),
        ("provider_timing", "object"),
        ("reasoning_tokens", "null"),
        ("observed_provider", "null"),
        ("%24dollar", "int"),
        ("dotted%2Ename", "string"),
    ] {
        assert_eq!(row.get(field).map(bson_type), Some(wanted), "{field}");
    }
}

async fn index_specs(database: &Database, collection: &str) -> Vec<Document> {
    let command = doc! { "listIndexes": collection };
    let answer = database.run_command(command).await.unwrap();
    let batch = answer.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
    let mut specs: Vec<_> = batch.iter().map(|spec| spec.as_document().unwrap().clone()).collect();
    for spec in &mut specs {
        // Both are the server's own affair: it ignores the one and chooses the other.
        spec.remove("background");
        spec.remove("v");
    }
    specs
}

/// Extended JSON as BSON, as far as index specifications go.
fn specification(value: &Value) -> Bson {
    match value {
        Value::Object(fields) => match fields.get("$numberInt").and_then(Value::as_str) {
            Some(number) => Bson::Int32(number.parse().unwrap()),
            None => Bson::Document(
                fields.iter().map(|(name, value)| (name.clone(), specification(value))).collect(),
            ),
        },
        Value::Bool(flag) => Bson::Boolean(*flag),
        Value::String(text) => Bson::String(text.clone()),
        other => panic!("no index specification holds {other}"),
    }
}

/// The Python runner's indexes by collection, those on `_id` apart.
fn python_runners_indexes() -> Vec<(String, Vec<Document>)> {
    let samples = python_runner();
    let collections = samples["indexes"].as_object().unwrap().iter();
    let documents = |specs: &Value| -> Vec<Document> {
        let specs = specs.as_array().unwrap().iter().filter(|spec| spec["name"] != "_id_");
        specs.map(|spec| specification(spec).as_document().unwrap().clone()).collect()
    };
    let all = collections.map(|(name, specs)| (name.clone(), documents(specs)));
    // Snapshots of what was wanted are another program's: nothing here writes them.
    all.filter(|(name, specs)| !specs.is_empty() && name != "bench_desired_set").collect()
}

#[tokio::test]
async fn init_makes_the_python_runners_indexes() {
    let (store, database) = filled().await;
    store.init().await.unwrap();
    for (collection, specs) in python_runners_indexes() {
        let ours = index_specs(&database, &collection).await;
        for mut wanted in specs {
            wanted.remove("background");
            wanted.remove("v");
            assert!(ours.contains(&wanted), "{collection}: no {wanted} in {ours:?}");
        }
    }
}

#[tokio::test]
async fn init_accepts_the_indexes_that_others_made() {
    let name = fresh_name();
    let database = Mongod::start().database(&name).await;
    for (collection, specs) in python_runners_indexes() {
        database.run_command(doc! { "createIndexes": collection, "indexes": specs }).await.unwrap();
    }
    let store = open(&Mongod::start().uri(&name)).await.unwrap();
    store.init().await.unwrap();
    let location = StoreLocation::parse(&Mongod::start().uri(&name)).unwrap();
    let planned = storage::init_plan(&location, &CollectionNames::default()).len();
    let mut there = 0;
    for collection in database.list_collection_names().await.unwrap() {
        there += index_specs(&database, &collection).await.len() - 1;
    }
    assert_eq!(there, planned);
}

#[tokio::test]
async fn a_row_of_the_python_runners_is_counted_with_ours() {
    let (store, database) = filled().await;
    let rows = database.collection::<Document>("errors_cloud");
    let first = failure("ours", "groq", "m");
    rows.insert_one(doc! {
        "provider": "groq", "model_name": "m", "ts": mongodb::bson::DateTime::now(), "stage": "response",
        "message": "x", "error_kind": "rate_limit", "fingerprint": &first.fingerprint,
    })
    .await
    .unwrap();
    store.record(&failed(&first)).await.unwrap();
    let rollups = database.collection::<Document>("error_rollups");
    let rollup = rollups.find_one(doc! { "fingerprint": &first.fingerprint }).await.unwrap().unwrap();
    assert_eq!(rollup.get_i32("count").unwrap(), 3);
    let health =
        database.collection::<Document>("bench_model_health").find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(health.get_i32("failures_24h").unwrap(), 3);
}

#[tokio::test]
async fn quirks_of_the_catalog_reach_the_work_list() {
    let (store, database) = filled().await;
    // A key that MongoDB would read as a path lies there in percent style, and reaches the provider as it was given.
    let quirks = doc! { "metadata": { "a": 1, "with%2Edot": [2] }, "omit_temperature": true };
    let models = database.collection::<Document>("models");
    models.update_one(doc! { "model_id": "m" }, doc! { "$set": quirks }).await.unwrap();
    let items = store.work_list(None).await.unwrap();
    let wanted = serde_json::json!({ "a": 1, "with.dot": [2], "omit_temperature": true });
    assert_eq!(Value::Object(items[0].metadata.clone()), wanted);
    models.update_one(doc! { "model_id": "m" }, doc! { "$set": { "deprecated": true } }).await.unwrap();
    assert_eq!(store.work_list(None).await.unwrap(), []);
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let error = open("mongodb://user:hunter2@127.0.0.1:1/db").await.err().unwrap();
    assert!(matches!(&error, StoreError::Unavailable(text) if text.contains("127.0.0.1:1")), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_frozen_server_is_unavailable_before_long() {
    let mongod = Mongod::start_private();
    let store = open(&mongod.uri("frozen")).await.unwrap();
    let outcome = success(&run("before", "groq", "m"));
    assert_eq!(store.record(&outcome).await.unwrap(), RecordOutcome::Stored);
    mongod.freeze();
    // The driver's defaults need 50 s; ours about 6, and 15 is the limit that needs no driver.
    let answer = tokio::time::timeout(Duration::from_secs(30), store.record(&outcome)).await.unwrap();
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_nine() {
    let mut mongod = Mongod::start_private();
    let store = open(&mongod.uri("crash")).await.unwrap();
    let mut acknowledged = Vec::new();
    for number in 0..200 {
        let outcome = success(&run(&format!("{number}"), "groq", "m"));
        assert_eq!(store.record(&outcome).await.unwrap(), RecordOutcome::Stored);
        acknowledged.push(outcome);
    }
    mongod.kill();
    mongod.restart();
    for outcome in &acknowledged {
        assert_eq!(store.record(outcome).await.unwrap(), RecordOutcome::Duplicate, "{}", outcome.id());
    }
}

#[tokio::test]
async fn a_wrong_login_is_denied_and_not_repeated() {
    let mongod = Mongod::start_with_user("ann", "right p@ss");
    let uri = |login: &str| format!("mongodb://{login}{}/db?authSource=admin", mongod.address());
    let error = open(&uri("ann:wr0ng%40secret@")).await.err().unwrap();
    assert!(matches!(error, StoreError::Denied(_)), "{error}");
    let text = format!("{error} {error:?}");
    assert!(!text.contains("wr0ng"), "{text}");

    let store = open(&uri("")).await.unwrap();
    let answer = store.record(&success(&run("1", "groq", "m"))).await;
    assert!(matches!(answer, Err(StoreError::Denied(_))), "{answer:?}");

    let store = open(&uri("ann:right%20p%40ss@")).await.unwrap();
    assert_eq!(store.record(&success(&run("1", "groq", "m"))).await.unwrap(), RecordOutcome::Stored);
    assert_eq!(store.describe(), format!("mongodb://{}/db", mongod.address()));
}

#[tokio::test]
async fn a_row_beyond_the_servers_limit_is_rejected() {
    let (store, _database) = filled().await;
    let mut run = run("huge", "groq", "m");
    run.extra.insert("blob".to_owned(), Value::String("x".repeat(17 << 20)));
    let answer = store.record(&success(&run)).await;
    assert!(matches!(answer, Err(StoreError::Rejected(_))), "{answer:?}");
}

#[tokio::test]
async fn one_name_for_two_collections_is_refused() {
    let names = CollectionNames { cloud_probe: "metrics_cloud_v2".to_owned(), ..CollectionNames::default() };
    let location = StoreLocation::parse("mongodb://127.0.0.1:1/db").unwrap();
    let error = storage::open(&location, &names, &[]).await.err().unwrap();
    assert!(matches!(&error, StoreError::Broken(text) if text.contains("metrics_cloud_v2")), "{error}");
}
