//! What a bridge keeps, on every store: posts once each and whole, sightings, keys.

use super::backend::{Backend, Kind};
use crate::support::catalog::put_model;
use crate::support::samples::{failure, now, run};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use llmbench::domain::ModelRef;
use llmbench::domain::PublishedProfiles;
use llmbench::domain::calibration::CalibrationSummary;
use llmbench::domain::failure::fingerprint;
use llmbench::storage::outcomes::document;
use llmbench::storage::outcomes::payload::OutcomeKind;
use llmbench::storage::outcomes::payload::OutcomePayload;
use llmbench::storage::posts::ingest_keys::{Action, IngestKey};
use llmbench::storage::posts::{PostOrigin, Posted, RunnerActivity, ingest_keys, posted_row};
use llmbench::storage::{RecordOutcome, Store, StoreError};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::sync::Arc;

const PUBLISHED: &[&str] = &["cloud-default-v1"];

#[tokio::test]
async fn sqlite_keeps_what_is_posted() {
    tell(&Backend::sqlite()).await;
}

#[tokio::test]
async fn mongodb_keeps_what_is_posted() {
    tell(&Backend::mongo().await).await;
}

async fn tell(backend: &Backend) {
    let store = backend.open(PUBLISHED).await;
    store.init().await.unwrap();
    put_model(&*store, &ModelRef::new("bedrock", "nova"), "Nova", true).await.unwrap();
    the_python_runners_posts_are_rows(backend, &*store).await;
    a_post_is_one_row(backend, &*store).await;
    many_at_once_are_one_row(backend).await;
    a_batch_is_answered_post_by_post(backend, &*store).await;
    what_came_by_the_bridge_is_there_for_the_direct_way(backend, &*store).await;
    every_posted_field_is_read_back(backend, &*store).await;
    runners_are_seen(&*store).await;
    keys_come_and_go(&*store).await;
}

fn stamps() -> PostOrigin {
    PostOrigin {
        received_at: now(),
        key_id: "k1".to_owned(),
        runner: "aws-1".to_owned(),
        endpoint_tags: Arc::default(),
    }
}

fn posted(kind: OutcomeKind, document: Value) -> Posted {
    let Value::Object(document) = document else { panic!() };
    Posted { kind, document, id: None, stamps: stamps() }
}

/// Local time without a zone, whole seconds, as the Python runner posts it.
fn naive(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

fn text(at: DateTime<Utc>) -> Value {
    json!(at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn bedrock_run(model: &str, at: DateTime<Utc>) -> Value {
    json!({
        "provider": "bedrock", "model_name": model, "run_ts": naive(at), "gen_ts": naive(at + TimeDelta::seconds(3)),
        "temperature": 0, "misc": {"omit_temperature": true}, "requested_tokens": 64, "output_tokens": 64,
        "generate_time": 3, "tokens_per_second": 21.3, "time_to_first_token": null, "times_between_tokens": [1, 0.5],
        "validation_policy": "strict_pm10", "reasoning_tokens": null, "output_text": "Hello.",
    })
}

fn bedrock_failure(model: &str, at: DateTime<Utc>) -> Value {
    json!({
        "provider": "bedrock", "model_name": model, "ts": naive(at), "stage": "generate", "error_kind": "unknown",
        "message": "AccessDeniedException: You don't have access to the model", "exc_type": "AccessDeniedException",
    })
}

fn whole_seconds(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp(), 0).unwrap()
}

async fn keep(store: &dyn Store, post: &Posted) -> Result<RecordOutcome, StoreError> {
    let mut answers = keep_all(store, std::slice::from_ref(post)).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// Keeps posts as a bridge does, and derives what follows from them.
async fn keep_all(store: &dyn Store, posts: &[Posted]) -> Vec<Result<RecordOutcome, StoreError>> {
    let (sound, flaws) = document::sound(posts.iter().map(|post| {
        let published: Vec<String> = PUBLISHED.iter().map(|profile| (*profile).to_owned()).collect();
        posted_row::row(post.clone(), &PublishedProfiles::from(&published)).map_err(StoreError::from)
    }));
    let packed = sound.into_iter().map(|row| store.pack(row)).collect();
    let (kept, moved) = store.keep_posted(packed).await;
    store.derive(&moved).await.unwrap();
    document::answers(flaws, Ok(kept))
}

async fn the_python_runners_posts_are_rows(backend: &Backend, store: &dyn Store) {
    let at = whole_seconds(now() - TimeDelta::minutes(5));
    let run = posted(OutcomeKind::Run, bedrock_run("nova", at));
    assert_eq!(keep(store, &run).await.unwrap(), RecordOutcome::Stored);
    let row = backend.row(Kind::Published, "model_name", "nova").await.unwrap();
    assert_eq!((&row["run_ts"], &row["key_id"], &row["runner"]), (&text(at), &json!("k1"), &json!("aws-1")));
    assert_eq!(row["received_at"], text(run.stamps.received_at));
    assert_eq!(row["temperature"].to_string(), "0.0");
    assert_eq!((&row["reasoning_tokens"], row.get("ttft_available")), (&Value::Null, None));
    let health = backend.row(Kind::Health, "model_id", "nova").await.unwrap();
    assert_eq!((&health["freshness_status"], &health["successes_24h"]), (&json!("fresh"), &json!(1)));
    assert_eq!(health["last_success_at"], text(at + TimeDelta::seconds(3)));

    let later = at + TimeDelta::minutes(1);
    let failure = posted(OutcomeKind::Failure, bedrock_failure("nova", later));
    assert_eq!(keep(store, &failure).await.unwrap(), RecordOutcome::Stored);
    let row = backend.row(Kind::Errors, "model_name", "nova").await.unwrap();
    assert_eq!((&row["ts"], &row["http_status"]), (&text(later), &Value::Null));
    let fingerprint = row["fingerprint"].as_str().unwrap();
    let rollup = backend.row(Kind::Rollups, "fingerprint", fingerprint).await.unwrap();
    assert_eq!((&rollup["count"], &rollup["stage"]), (&json!(1), &json!("generate")));
    let health = backend.row(Kind::Health, "model_id", "nova").await.unwrap();
    assert_eq!((&health["consecutive_failures"], &health["last_error_kind"]), (&json!(1), &json!("unknown")));

    // A model that nobody knows, or that is off: its failures are kept all the same.
    let stray = posted(OutcomeKind::Failure, bedrock_failure("nobody-knows", later));
    assert_eq!(keep(store, &stray).await.unwrap(), RecordOutcome::Stored);
    assert!(backend.row(Kind::Health, "model_id", "nobody-knows").await.is_none());
}

async fn a_post_is_one_row(backend: &Backend, store: &dyn Store) {
    let at = whole_seconds(now());
    let run = posted(OutcomeKind::Run, bedrock_run("once", at));
    assert_eq!(keep(store, &run).await.unwrap(), RecordOutcome::Stored);
    let first = backend.row(Kind::Published, "model_name", "once").await.unwrap();
    let mut again = run.clone();
    again.stamps = PostOrigin {
        received_at: now() + TimeDelta::seconds(9),
        key_id: "k2".to_owned(),
        runner: "b".to_owned(),
        endpoint_tags: Arc::default(),
    };
    assert_eq!(keep(store, &again).await.unwrap(), RecordOutcome::Duplicate);
    let mut other = run.clone();
    other.document.insert("tokens_per_second".to_owned(), json!(5));
    assert!(matches!(keep(store, &other).await, Err(StoreError::Conflict(_))));
    assert_eq!(backend.row(Kind::Published, "model_name", "once").await.unwrap(), first);
    // Another answer of the provider is another run.
    other.document.insert("response_id".to_owned(), json!("r2"));
    assert_eq!(keep(store, &other).await.unwrap(), RecordOutcome::Stored);

    let failure = posted(OutcomeKind::Failure, bedrock_failure("once", at));
    assert_eq!(keep(store, &failure).await.unwrap(), RecordOutcome::Stored);
    assert_eq!(keep(store, &failure).await.unwrap(), RecordOutcome::Duplicate);
    let fingerprint = backend.row(Kind::Errors, "model_name", "once").await.unwrap()["fingerprint"].clone();
    let rollup = backend.row(Kind::Rollups, "fingerprint", fingerprint.as_str().unwrap()).await.unwrap();
    assert_eq!(rollup["count"], json!(1));
}

async fn many_at_once_are_one_row(backend: &Backend) {
    let run = posted(OutcomeKind::Run, bedrock_run("crowd", now()));
    let stores = [backend.open(PUBLISHED).await, backend.open(PUBLISHED).await];
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..100 {
        let (store, mut run): (Arc<dyn Store>, Posted) = (Arc::clone(&stores[number % 2]), run.clone());
        run.stamps.received_at = now();
        writers.spawn(async move { keep(&*store, &run).await.unwrap() });
    }
    let answers = writers.join_all().await;
    assert_eq!(answers.iter().filter(|answer| **answer == RecordOutcome::Stored).count(), 1);
    assert!(backend.row(Kind::Published, "model_name", "crowd").await.is_some());
}

/// Good ones, bad ones, the same one twice, the same id with other content: none holds up another, in any order.
async fn a_batch_is_answered_post_by_post(backend: &Backend, store: &dyn Store) {
    let at = whole_seconds(now());
    for number in 0..30 {
        put_model(store, &ModelRef::new("bedrock", format!("many-{number}")), "", true).await.unwrap();
    }
    let good = |number: i64| {
        posted(OutcomeKind::Run, bedrock_run(&format!("many-{number}"), at - TimeDelta::minutes(number)))
    };
    let mut posts: Vec<Posted> = (0..30).map(good).collect();
    posts.push(good(3));
    let mut conflict = good(4);
    conflict.document.insert("tokens_per_second".to_owned(), json!(1));
    posts.push(conflict);
    let mut bad = good(5);
    bad.document.insert("tokens_per_second".to_owned(), json!("fast"));
    posts.push(bad);
    posts.push(posted(OutcomeKind::Failure, bedrock_failure("many-6", at)));
    let mut probe = good(7);
    probe.document.insert("sample_role".to_owned(), json!("shadow"));
    probe.document.insert("response_id".to_owned(), json!("probe"));
    posts.push(probe);
    let answers = keep_all(store, &posts).await;
    assert_eq!(answers.len(), posts.len());
    assert!(answers[..30].iter().all(|answer| matches!(answer, Ok(RecordOutcome::Stored))), "{answers:?}");
    assert!(matches!(answers[30], Ok(RecordOutcome::Duplicate)));
    assert!(matches!(answers[31], Err(StoreError::Conflict(_))));
    assert!(matches!(&answers[32], Err(StoreError::Rejected(why)) if why.contains("tokens_per_second")));
    assert!(matches!(answers[33..], [Ok(RecordOutcome::Stored), Ok(RecordOutcome::Stored)]));
    for number in 0..30 {
        let model = format!("many-{number}");
        let health = backend.row(Kind::Health, "model_id", &model).await.unwrap();
        assert_eq!(
            (&health["successes_24h"], &health["freshness_status"]),
            (&json!(1), &json!("fresh")),
            "{model}"
        );
        assert_eq!(health["last_success_at"], text(at - TimeDelta::minutes(number) + TimeDelta::seconds(3)));
        assert_eq!(health["failures_24h"], json!(i32::from(number == 6)), "{model}");
    }
    assert!(backend.row(Kind::Probe, "response_id", "probe").await.is_some());
    let again = keep_all(store, &posts).await;
    assert_eq!(again.iter().filter(|answer| matches!(answer, Ok(RecordOutcome::Duplicate))).count(), 33);
}

/// Our own runner's rows are the same whichever way they come.
async fn what_came_by_the_bridge_is_there_for_the_direct_way(backend: &Backend, store: &dyn Store) {
    let run = run("01K1J00000000000000000BR1D", "groq", "bridged");
    let mut failure = failure("01K1J00000000000000000BR1F", "groq", "bridged");
    let (stage, kind) = (failure.stage, failure.error_kind);
    failure.fingerprint = fingerprint("groq", "bridged", stage, kind, &failure.normalized_message);
    let documents = [serde_json::to_value(&run).unwrap(), serde_json::to_value(&failure).unwrap()];
    for (kind, document) in [OutcomeKind::Run, OutcomeKind::Failure].into_iter().zip(documents) {
        let mut post = posted(kind, document);
        post.id = post.document["_id"].as_str().map(str::to_owned);
        assert_eq!(keep(store, &post).await.unwrap(), RecordOutcome::Stored);
    }
    let outcomes = [crate::support::samples::success(&run), crate::support::samples::failed(&failure)];
    let payloads = outcomes.map(|outcome| OutcomePayload::of(&outcome).unwrap());
    let (answers, moved) = store.keep_all(&payloads.iter().collect::<Vec<_>>()).await;
    store.derive(&moved).await.unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, Ok(RecordOutcome::Duplicate))), "{answers:?}");
    let row = backend.row(Kind::Published, "_id", &run.id).await.unwrap();
    assert_eq!((&row["key_id"], row.get("posted")), (&json!("k1"), None));
}

/// Any JSON that a body can hold, under any key that a bridge lets through, and some that it does not.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e300..1e300_f64).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-c$._%]{0,4}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

async fn every_posted_field_is_read_back(backend: &Backend, store: &dyn Store) {
    let mut runner = TestRunner::deterministic();
    let names = "x[a-z_$.%]{0,8}|_id|posted|runner|key_id|received_at";
    let fields = prop::collection::hash_map(names, values(), 0..10);
    let at = whole_seconds(now());
    let posts: Vec<Posted> = (0..150)
        .map(|number| {
            let mut document = bedrock_run(&format!("whole-{number}"), at);
            for (name, value) in fields.new_tree(&mut runner).unwrap().current() {
                document[name.as_str()] = value;
            }
            posted(OutcomeKind::Run, document)
        })
        .collect();
    let answers = keep_all(store, &posts).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(RecordOutcome::Stored))), "{answers:?}");
    let rows = backend.rows(Kind::Published).await;
    for post in &posts {
        let row = rows.iter().find(|row| row["model_name"] == post.document["model_name"]).unwrap();
        for (name, value) in &post.document {
            let kept = row.get("posted").and_then(|aside| aside.get(name)).or_else(|| row.get(name));
            let sent = match name.as_str() {
                "run_ts" => text(at),
                "gen_ts" => text(at + TimeDelta::seconds(3)),
                "temperature" => json!(0.0),
                "generate_time" => json!(3.0),
                "times_between_tokens" => json!([1.0, 0.5]),
                _ => value.clone(),
            };
            assert_eq!(kept, Some(&sent), "{name} of {:?}", post.document);
        }
    }
}

async fn runners_are_seen(store: &dyn Store) {
    let at = now();
    let sighting = |seconds: i64| RunnerActivity {
        runner: "aws $1.x".to_owned(),
        seen_at: at + TimeDelta::seconds(seconds),
        stored_at: None,
        version: None,
        clock_offset_seconds: None,
        backlog: None,
        calibration: None,
        interval_seconds: None,
    };
    let note = json!({"id": "01J", "at": "2026-11-23T07:00:00.000Z", "may_publish": false, "streams": 2,
        "ttft_error_mean": 0.004, "ttft_error_p99": null});
    let whole = RunnerActivity {
        calibration: CalibrationSummary::of_note("aws $1.x", &note),
        stored_at: Some(at),
        version: Some("llmbench/0.1.0".to_owned()),
        clock_offset_seconds: Some(-1.5),
        backlog: Some(7),
        interval_seconds: Some(1800),
        ..sighting(0)
    };
    store.keep_runner_activity(&[whole]).await.unwrap();
    store.keep_runner_activity(&[sighting(5), sighting(2)]).await.unwrap();
    store.keep_runner_activity(&[]).await.unwrap();
    let fleet = store.overview(at - TimeDelta::days(1), at).await.unwrap();
    let heartbeat =
        fleet.heartbeats.into_iter().find(|heartbeat| heartbeat.component == "runner:aws $1.x").unwrap();
    let expected = json!({
        "last_seen_at": text(at + TimeDelta::seconds(5)), "last_stored_at": text(at), "version": "llmbench/0.1.0",
        "clock_offset_seconds": -1.5, "backlog": 7, "interval_seconds": 1800, "calibration": note,
    });
    assert_eq!(heartbeat.details, expected);
    let runner = fleet.runners.iter().find(|one| one.runner == "aws $1.x").unwrap();
    let calibration = runner.calibration.as_ref().unwrap();
    assert_eq!((calibration.note(), calibration.host.as_str()), (note, "aws $1.x"));
    assert!(heartbeat.updated_at.is_some());
}

fn key(id: &str, label: &str) -> IngestKey {
    IngestKey {
        id: id.to_owned(),
        label: label.to_owned(),
        runner: label.to_owned(),
        sha256: ingest_keys::sha256(&ingest_keys::mint().1),
        providers: Some(vec!["bedrock".to_owned()]),
        actions: vec![Action::Ingest, Action::Error],
        not_before: Some(now() - TimeDelta::minutes(1)),
        not_after: None,
        created_at: now(),
        created_by: "ann@here".to_owned(),
        revoked_at: None,
        revoked_by: None,
        last_used_at: None,
    }
}

async fn keys_come_and_go(store: &dyn Store) {
    assert_eq!(store.ingest_keys().await.unwrap(), []);
    let (first, mut all) = (key("k1", "b"), key("k2", "a"));
    (all.providers, all.actions) = (None, Action::ALL.to_vec());
    store.add_ingest_key(&first).await.unwrap();
    store.add_ingest_key(&all).await.unwrap();
    assert_eq!(store.ingest_keys().await.unwrap(), [all.clone(), first.clone()]);
    assert!(matches!(store.add_ingest_key(&key("k1", "c")).await, Err(StoreError::Conflict(_))));

    let (soon, late) = (now() + TimeDelta::hours(1), now() + TimeDelta::hours(9));
    let next = key("k3", "b");
    assert!(store.rotate_ingest_key("k1", &next, soon).await.unwrap());
    assert!(store.limit_ingest_key("k1", late).await.unwrap());
    assert!(!store.limit_ingest_key("nobody", late).await.unwrap());
    assert!(store.revoke_ingest_key("k2", "$ann", soon).await.unwrap());
    assert!(store.revoke_ingest_key("k2", "bob", late).await.unwrap());
    assert!(!store.revoke_ingest_key("nobody", "bob", late).await.unwrap());
    let uses = [("k1".to_owned(), late), ("k1".to_owned(), soon), ("nobody".to_owned(), soon)];
    store.used_ingest_keys(&uses).await.unwrap();
    store.used_ingest_keys(&[]).await.unwrap();
    let found = store.ingest_keys().await.unwrap();
    let of = |id: &str| found.iter().find(|key| key.id == id).unwrap();
    assert_eq!((of("k1").not_after, of("k1").last_used_at), (Some(soon), Some(late)));
    assert_eq!((of("k2").revoked_at, of("k2").revoked_by.as_deref()), (Some(soon), Some("$ann")));
    assert_eq!(of("k2").not_after, None);
    assert_eq!(of("k3"), &next);
}

/// A database holds what other programs wrote; nobody gets in by a key that cannot be read.
#[tokio::test]
async fn a_broken_key_is_no_key() {
    use mongodb::bson::doc;
    let backend = Backend::mongo().await;
    let store = backend.open(PUBLISHED).await;
    store.add_ingest_key(&key("k1", "a")).await.unwrap();
    let Backend::Mongo(database) = &backend else { panic!() };
    let rows = database.collection::<mongodb::bson::Document>("bench_ingest_keys");
    let whole = rows.find_one(doc! {}).await.unwrap().unwrap();
    for (number, broken) in [
        doc! { "revoked_at": "yesterday" },
        doc! { "not_after": 5 },
        doc! { "scopes": { "providers": "all", "actions": ["ingest"] } },
        doc! { "scopes": { "actions": ["ingest"] } },
        doc! { "sha256": null },
    ]
    .into_iter()
    .enumerate()
    {
        let mut row = whole.clone();
        row.insert("_id", format!("broken-{number}"));
        row.extend(broken);
        rows.insert_one(row).await.unwrap();
    }
    let ids: Vec<String> = store.ingest_keys().await.unwrap().into_iter().map(|key| key.id).collect();
    assert_eq!(ids, ["k1"]);
}
