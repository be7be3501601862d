//! Where models are in their lifecycle, on every store: facts come from rows, the newest judgement wins, and windows that
//! are moved tell the same as windows that are counted.

use super::backend::{Backend, Kind};
use crate::support::catalog::put_model;
use crate::support::peers::{Mongod, fresh_name};
use crate::support::samples::{self, now};
use chrono::{DateTime, TimeDelta, Utc};
use llmbench::domain::model_lifecycle::{LifecycleCounts, LifecycleFacts};
use llmbench::domain::{FailureKind, ModelRef};
use llmbench::storage::Store;
use llmbench::storage::lifecycle::{self, AttemptWindows, ModelStatus};
use mongodb::bson::{Bson, Document, doc};
use serde_json::{Value, json};
use std::time::Instant;

const PUBLISHED: &[&str] = &["cloud-default-v1"];

#[tokio::test]
async fn sqlite_judges_models() {
    judges(&Backend::sqlite()).await;
}

#[tokio::test]
async fn mongodb_judges_models() {
    judges(&Backend::mongo().await).await;
}

async fn success(store: &dyn Store, id: &str, model: &str, at: DateTime<Utc>) {
    let mut run = samples::run(id, "groq", model);
    (run.run_ts, run.gen_ts) = (at, at + TimeDelta::milliseconds(1333));
    store.record(&samples::success(&run)).await.unwrap();
}

async fn failure(store: &dyn Store, id: &str, model: &str, at: DateTime<Utc>, kind: FailureKind) {
    let mut failure = samples::failure(id, "groq", model);
    (failure.ts, failure.error_kind) = (at, kind);
    store.record(&samples::failed(&failure)).await.unwrap();
}

async fn judges(backend: &Backend) {
    let store = backend.open(PUBLISHED).await;
    store.init().await.unwrap();
    let store = &*store;
    for (model, enabled) in [("works", true), ("refused", true), ("new", true), ("off", false)] {
        put_model(store, &ModelRef::new("groq", model), &format!("The {model}"), enabled).await.unwrap();
    }
    let days = |days: i64| now() - TimeDelta::days(days) - TimeDelta::minutes(1);
    for (id, at) in [("01", days(0)), ("02", days(6)), ("03", days(29)), ("04", days(119)), ("05", days(121))]
    {
        success(store, id, "works", at).await;
    }
    failure(store, "11", "works", days(8), FailureKind::Timeout).await;
    for (id, age) in [("12", 0), ("13", 1), ("14", 29), ("15", 31)] {
        failure(store, id, "refused", days(age), FailureKind::HardModel).await;
    }
    let states = lifecycle::refresh(store, &mut AttemptWindows::default(), now()).await.unwrap();
    let states: Vec<_> = states.into_iter().map(|(state, count)| (state.as_str(), count)).collect();
    assert_eq!(states, [("active", 1), ("disabled", 1), ("never_succeeded", 2)]);
    let works = backend.row(Kind::Status, "model_id", "works").await.unwrap();
    let counts = |row: &Value| {
        ["successes_7d", "successes_30d", "successes_120d", "errors_7d", "errors_30d", "hard_failures_30d"]
            .map(|name| row["metrics"][name].as_u64().unwrap())
    };
    assert_eq!(counts(&Value::Object(works.clone())), [2, 3, 4, 0, 1, 0]);
    assert_eq!((&works["display_name"], &works["catalog_state"]), (&json!("The works"), &json!("unknown")));
    assert!(works["metrics"]["last_success"].is_string() && works["confidence"] == "low", "{works:?}");
    let refused = backend.row(Kind::Status, "model_id", "refused").await.unwrap();
    assert_eq!(counts(&Value::Object(refused)), [0, 0, 0, 2, 3, 3]);
    assert_eq!(backend.rows(Kind::Status).await.len(), 4);

    // A changed model is judged by itself, to the same figures.
    let models = ["works", "off"].map(|model| ModelRef::new("groq", model));
    lifecycle::refresh_models(store, &models, Some("noted"), now()).await.unwrap();
    let again = backend.row(Kind::Status, "model_id", "works").await.unwrap();
    assert_eq!(again["metrics"], works["metrics"]);
    assert_eq!(again["reasons"].as_array().unwrap().last(), Some(&json!("noted")));
    lifecycle::refresh_models(store, &[ModelRef::new("groq", "gone")], None, now()).await.unwrap();
    let gone = backend.row(Kind::Status, "model_id", "gone").await.unwrap();
    assert_eq!(gone["status"], "disabled");
    newest_wins(backend, store).await;
}

async fn newest_wins(backend: &Backend, store: &dyn Store) {
    let status = |enabled: bool, minutes_ago: i64| {
        let facts = LifecycleFacts { enabled, ..LifecycleFacts::new(ModelRef::new("groq", "$m")) };
        ModelStatus::of(facts, now() - TimeDelta::minutes(minutes_ago))
    };
    for status in [status(true, 1), status(false, 5)] {
        store.keep_model_status(&[status]).await.unwrap();
    }
    let row = backend.row(Kind::Status, "model_id", "$m").await.unwrap();
    assert_eq!(row["status"], "never_succeeded");
}

/// Windows that are kept and moved, hour by hour, say what windows say that are counted anew.
#[tokio::test]
async fn moved_windows_agree_with_counted_ones() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = backend.open(PUBLISHED).await;
        store.init().await.unwrap();
        let begun = now() - TimeDelta::days(2);
        for number in 0..60 {
            let at = begun - TimeDelta::days(7 * (number % 18)) + TimeDelta::minutes(47 * number);
            success(&*store, &format!("r{number}"), &format!("m{}", number % 3), at).await;
            let kind = if number % 2 == 0 { FailureKind::HardModel } else { FailureKind::Timeout };
            failure(&*store, &format!("f{number}"), "m1", at + TimeDelta::hours(1), kind).await;
        }
        let mut moved = AttemptWindows::default();
        for hour in 0..40 {
            let at = begun + TimeDelta::hours(hour);
            let told = moved.count(&*store, at).await.unwrap();
            let counted = AttemptWindows::default().count(&*store, at).await.unwrap();
            let known = |(_, counts): &(_, LifecycleCounts)| *counts != LifecycleCounts::default();
            let told: std::collections::BTreeMap<_, _> = told.into_iter().filter(known).collect();
            let counted: std::collections::BTreeMap<_, _> = counted.into_iter().filter(known).collect();
            assert_eq!(told, counted, "at hour {hour}");
        }
    }
}

/// Readers of the collection know one document a model; the Python runner's document is that document.
#[tokio::test]
async fn documents_of_the_python_runner_stay_and_types_are_those_of_the_contract() {
    let database = Mongod::start().database(&fresh_name()).await;
    let backend = Backend::Mongo(database.clone());
    let store = backend.open(PUBLISHED).await;
    let rows = database.collection::<Document>("model_status");
    let theirs = doc! { "provider": "groq", "model_id": "$m", "theirs": { "a": 1 }, "status": "odd" };
    rows.insert_one(theirs).await.unwrap();
    let facts =
        LifecycleFacts { last_success_at: Some(now()), ..LifecycleFacts::new(ModelRef::new("groq", "$m")) };
    store.keep_model_status(&[ModelStatus::of(facts, now())]).await.unwrap();
    assert_eq!(rows.count_documents(doc! {}).await.unwrap(), 1);
    let row = rows.find_one(doc! { "model_id": "$m" }).await.unwrap().unwrap();
    assert_eq!(
        (row.get_str("status").unwrap(), row.get_str("catalog_state").unwrap()),
        ("active", "unknown")
    );
    assert!(row.get_document("theirs").is_ok() && row.get_datetime("computed_at").is_ok());
    let metrics = row.get_document("metrics").unwrap();
    assert!(metrics.get_datetime("last_success").is_ok());
    assert!(metrics.iter().all(|(name, value)| name == "last_success" || matches!(value, Bson::Int32(_))));
    assert_eq!(metrics.len(), 8);
    assert!(!row.contains_key("transport_provider"));
    assert!(row.get_array("reasons").is_ok() && row.get_array("recommended_actions").is_ok());
}

/// 5,000 models in at most 2 s: `cargo test --release --test it -- --ignored --nocapture five_thousand`.
#[tokio::test]
#[ignore = "a measurement, not a promise of every machine"]
async fn five_thousand_models_are_judged_in_two_seconds() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = backend.open(PUBLISHED).await;
        store.init().await.unwrap();
        backend.fill(5000, 60).await;
        let (begun, mut windows) = (Instant::now(), AttemptWindows::default());
        let states = lifecycle::refresh(&*store, &mut windows, now()).await.unwrap();
        let first = begun.elapsed();
        let begun = Instant::now();
        lifecycle::refresh(&*store, &mut windows, now() + TimeDelta::hours(1)).await.unwrap();
        let peak = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = peak.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
        println!("{states:?}: {first:?} counted anew, {:?} moved by an hour; {peak}", begun.elapsed());
    }
}
