//! The story that every backend must tell in the same words.

use super::backend::{Backend, Kind};
use crate::support::catalog::put_model;
use crate::support::samples::{failed, failure, now, run, success};
use chrono::{SecondsFormat, TimeDelta};
use llmbench::domain::{ModelRef, Outcome};
use llmbench::outbox::undelivered::UndeliveredDir;
use llmbench::storage::{RecordOutcome, Store, StoreError};
use serde_json::{Map, Value, json};
use std::sync::Arc;

const PUBLISHED: &[&str] = &["cloud-default-v1"];

#[tokio::test]
async fn sqlite_tells_the_story() {
    tell(&Backend::sqlite()).await;
}

#[tokio::test]
async fn mongodb_tells_the_story() {
    tell(&Backend::mongo().await).await;
}

async fn tell(backend: &Backend) {
    let store = backend.open(PUBLISHED).await;
    store.init().await.unwrap();
    store.init().await.unwrap();
    the_catalog(&*store).await;
    what_is_learned(&*store).await;
    rows_come_back_whole(backend, &*store).await;
    rows_go_where_they_belong(backend, &*store).await;
    an_id_is_one_row(backend, &*store).await;
    many_writers_are_one_row(backend).await;
    errors_are_counted_by_kind(backend, &*store).await;
    health_follows_the_rows(backend, &*store).await;
    what_is_unsound_is_refused(backend, &*store).await;
    what_was_kept_is_delivered(backend, &*store).await;
}

async fn the_catalog(store: &dyn Store) {
    assert_eq!(store.work_list(None).await.unwrap(), []);
    for (text, name, enabled) in [
        ("openai:gpt", "GPT", true),
        ("groq:zeta", "", true),
        ("groq:alpha", "Alpha", true),
        ("bedrock:us.x-v1:0", "Off", false),
        ("bedrock:gpt", "Other", false),
    ] {
        put_model(store, &text.parse().unwrap(), name, enabled).await.unwrap();
    }
    let names = |items: Vec<llmbench::storage::WorkItem>| -> Vec<(String, String)> {
        items.into_iter().map(|item| (item.model.to_string(), item.display_name)).collect()
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect()
    };
    let all = [("groq:alpha", "Alpha"), ("groq:zeta", "zeta"), ("openai:gpt", "GPT")];
    assert_eq!(names(store.work_list(None).await.unwrap()), pairs(&all));
    assert_eq!(names(store.work_list(Some("groq")).await.unwrap()), pairs(&all[..2]));
    assert_eq!(store.work_list(Some("nobody")).await.unwrap(), []);
    let found = store.find_by_id("gpt").await.unwrap();
    assert_eq!(found, [ModelRef::new("bedrock", "gpt"), ModelRef::new("openai", "gpt")]);
    assert_eq!(store.find_by_id("GPT").await.unwrap(), []);

    let other_case = ModelRef::new("openai", "GPT");
    let error = put_model(store, &other_case, "Twin", true).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    put_model(store, &other_case, "Twin", false).await.unwrap();
    put_model(store, &ModelRef::new("openai", "gpt"), "GPT", false).await.unwrap();
    put_model(store, &other_case, "Twin", true).await.unwrap();
    assert_eq!(names(store.work_list(Some("openai")).await.unwrap()), pairs(&[("openai:GPT", "Twin")]));
}

async fn what_is_learned(store: &dyn Store) {
    let model = ModelRef::new("bedrock", "us.x-v1:0");
    assert_eq!(store.learned(&model).await.unwrap(), Vec::<String>::new());
    for adaptation in ["omit_temperature", "max_completion_tokens", "omit_temperature"] {
        store.learn(&model, adaptation).await.unwrap();
    }
    assert_eq!(store.learned(&model).await.unwrap(), ["omit_temperature", "max_completion_tokens"]);
    assert_eq!(store.learned(&ModelRef::new("bedrock", "us.x-v1")).await.unwrap(), Vec::<String>::new());
}

async fn rows_come_back_whole(backend: &Backend, store: &dyn Store) {
    let run = run("whole-run", "nobody", "m");
    assert_eq!(store.record(&success(&run)).await.unwrap(), RecordOutcome::Stored);
    let stored = backend.row(Kind::Published, "_id", "whole-run").await.unwrap();
    assert_eq!(Value::Object(stored), sent(&run));
    let failure = failure("whole-failure", "nobody", "m");
    assert_eq!(store.record(&failed(&failure)).await.unwrap(), RecordOutcome::Stored);
    let stored = backend.row(Kind::Errors, "_id", "whole-failure").await.unwrap();
    let mut expected = sent(&failure);
    expected["retry_after_seconds"] = json!(7.0);
    assert_eq!(Value::Object(stored), expected);
}

/// What a reader should find: the model's own JSON, with dates in milliseconds.
fn sent(model: &impl serde::Serialize) -> Value {
    let mut value = serde_json::to_value(model).unwrap();
    for name in ["run_ts", "gen_ts", "ts"] {
        if let Some(text) = value.get(name).and_then(Value::as_str) {
            let date = chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc();
            value[name] = json!(date.to_rfc3339_opts(SecondsFormat::Millis, true));
        }
    }
    value
}

async fn rows_go_where_they_belong(backend: &Backend, store: &dyn Store) {
    let mut suspect = run("suspect", "nobody", "m");
    suspect.quality.suspect = true;
    let mut manual = run("manual", "nobody", "m");
    manual.sample_role = "manual".to_owned();
    let mut long = run("long", "nobody", "m");
    long.benchmark_profile_id = "cloud-long-v1".to_owned();
    for run in [&suspect, &manual, &long] {
        assert_eq!(store.record(&success(run)).await.unwrap(), RecordOutcome::Stored);
        assert!(backend.row(Kind::Probe, "_id", &run.id).await.is_some(), "{}", run.id);
        assert!(backend.row(Kind::Published, "_id", &run.id).await.is_none(), "{}", run.id);
    }
    // Kept while the profile was not published, delivered again afterwards: still one row.
    let later = backend.open(&["cloud-default-v1", "cloud-long-v1"]).await;
    assert_eq!(later.record(&success(&long)).await.unwrap(), RecordOutcome::Duplicate);
    assert!(backend.row(Kind::Published, "_id", "long").await.is_none());
}

async fn an_id_is_one_row(backend: &Backend, store: &dyn Store) {
    let mut run = run("once", "nobody", "m");
    assert_eq!(store.record(&success(&run)).await.unwrap(), RecordOutcome::Stored);
    assert_eq!(store.record(&success(&run)).await.unwrap(), RecordOutcome::Duplicate);
    run.speeds.tokens_per_second += 1.0;
    let conflict = |result| matches!(result, Err(StoreError::Conflict(text)) if text.contains("once"));
    assert!(conflict(store.record(&success(&run)).await));
    assert!(conflict(store.record(&failed(&failure("once", "nobody", "m"))).await));
    let kept = backend.row(Kind::Published, "_id", "once").await.unwrap();
    assert_eq!(kept["tokens_per_second"], json!(48.0));
    assert!(backend.row(Kind::Errors, "_id", "once").await.is_none());
}

async fn many_writers_are_one_row(backend: &Backend) {
    let run = success(&run("crowd-run", "nobody", "m"));
    let mut failure = failure("crowd-failure", "nobody", "m");
    failure.fingerprint = "crowd".to_owned();
    for outcome in [run, failed(&failure)] {
        let stores = [backend.open(PUBLISHED).await, backend.open(PUBLISHED).await];
        let mut writers = tokio::task::JoinSet::new();
        for number in 0..100 {
            let (store, outcome): (Arc<dyn Store>, Outcome) =
                (Arc::clone(&stores[number % 2]), outcome.clone());
            writers.spawn(async move { store.record(&outcome).await.unwrap() });
        }
        let answers = writers.join_all().await;
        assert_eq!(answers.iter().filter(|answer| **answer == RecordOutcome::Stored).count(), 1);
    }
    assert!(backend.row(Kind::Published, "_id", "crowd-run").await.is_some());
    let rollup = backend.row(Kind::Rollups, "fingerprint", "crowd").await.unwrap();
    assert_eq!(rollup["count"], json!(1));
}

async fn errors_are_counted_by_kind(backend: &Backend, store: &dyn Store) {
    let late = now();
    let early = late - TimeDelta::hours(2);
    for (id, ts) in [("kind-1", late), ("kind-2", early), ("kind-1", late)] {
        let mut failure = failure(id, "nobody", "counted");
        (failure.ts, failure.fingerprint) = (ts, "kind".to_owned());
        store.record(&failed(&failure)).await.unwrap();
    }
    let mut rollup = backend.row(Kind::Rollups, "fingerprint", "kind").await.unwrap();
    rollup.remove("_id");
    let date = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let expected = json!({
        "fingerprint": "kind", "provider": "nobody", "model_name": "counted", "stage": "response",
        "error_kind": "rate_limit", "count": 2, "first_seen": date(early), "last_seen": date(late),
        "sample_messages": ["error code: 429 - rate limit reached"],
    });
    assert_eq!(Value::Object(rollup), expected);
}

async fn health_follows_the_rows(backend: &Backend, store: &dyn Store) {
    let all = backend.rows(Kind::Health).await;
    assert!(all.iter().all(|row| row["provider"] != "nobody"), "models outside the catalog have no health");
    let health =
        async || -> Map<String, Value> { backend.row(Kind::Health, "model_id", "alpha").await.unwrap() };
    let start = now();
    for (id, minutes, kind) in [("h1", 3, "timeout"), ("h2", 2, "rate_limit"), ("h2", 2, "rate_limit")] {
        let mut failure = failure(id, "groq", "alpha");
        failure.ts = start - TimeDelta::minutes(minutes);
        failure.error_kind = serde_json::from_value(json!(kind)).unwrap();
        store.record(&failed(&failure)).await.unwrap();
    }
    let failing = health().await;
    assert_eq!(failing["freshness_status"], json!("never_run"));
    assert_eq!((&failing["consecutive_failures"], &failing["failures_24h"]), (&json!(2), &json!(2)));
    assert_eq!((&failing["deadline_misses_24h"], &failing["successes_24h"]), (&json!(1), &json!(0)));
    assert_eq!(failing["last_error_kind"], json!("rate_limit"));
    assert_eq!(failing["last_attempt_at"], failing["last_error_at"]);

    let mut manual = failure("h3", "groq", "alpha");
    manual.extra.insert("sample_role".to_owned(), json!("manual"));
    store.record(&failed(&manual)).await.unwrap();
    assert_eq!(health().await["consecutive_failures"], json!(2));

    let run = run("h4", "groq", "alpha");
    store.record(&success(&run)).await.unwrap();
    store.record(&success(&run)).await.unwrap();
    let well = health().await;
    assert_eq!(well["freshness_status"], json!("fresh"));
    assert_eq!(well["last_success_at"], sent(&run)["gen_ts"]);
    assert_eq!(well["last_attempt_at"], well["last_success_at"]);
    assert_eq!((&well["consecutive_failures"], &well["failures_24h"]), (&json!(0), &json!(2)));
    assert_eq!(well["successes_24h"], json!(1));
    assert_eq!((&well["last_error_at"], &well["last_error_kind"]), (&Value::Null, &Value::Null));
    assert_eq!((&well["enabled"], &well["cadence_seconds"]), (&json!(true), &json!(1800)));
}

async fn what_is_unsound_is_refused(backend: &Backend, store: &dyn Store) {
    let mut run = run("unsound", "nobody", "m");
    run.speeds.tokens_per_second = f64::NAN;
    let error = store.record(&success(&run)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Rejected(text) if text.contains("tokens_per_second")), "{error}");
    assert!(backend.row(Kind::Published, "_id", "unsound").await.is_none());
}

async fn what_was_kept_is_delivered(backend: &Backend, store: &dyn Store) {
    let home = tempfile::tempdir().unwrap();
    let spill = UndeliveredDir::in_state_dir(home.path());
    let run = run("kept", "nobody", "m");
    store.record(&failed(&failure("kept-twice", "nobody", "m"))).await.unwrap();
    let stored = backend.row(Kind::Errors, "_id", "kept-twice").await.unwrap();
    let again = serde_json::from_value(Value::Object(stored)).unwrap();
    for outcome in [success(&run), failed(&again)] {
        spill.keep(&store.describe(), &outcome).unwrap();
    }
    let delivered = spill.deliver(store).await.unwrap();
    assert_eq!((delivered.stored, delivered.duplicate), (1, 1), "{delivered:?}");
    let there = backend.row(Kind::Published, "_id", "kept").await.unwrap();
    assert_eq!(Value::Object(there), sent(&run));
    assert!(spill.pending().unwrap().0.is_empty());
}
