//! Signs of life on every store: what is kept comes back, newest wins, and freshness follows the clock without history.

use super::backend::{Backend, Kind};
use crate::support::catalog::put_model;
use crate::support::samples::{self, now};
use chrono::TimeDelta;
use llmbench::domain::{ModelRef, fleet};
use llmbench::storage::Store;
use llmbench::storage::health::{Audit, Baseline, Cadences, Heartbeat, SelfCheckResult, SelfCheckRun};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

const PUBLISHED: &[&str] = &["cloud-default-v1"];

#[tokio::test]
async fn sqlite_keeps_signs_of_life() {
    tell(&Backend::sqlite()).await;
}

#[tokio::test]
async fn mongodb_keeps_signs_of_life() {
    tell(&Backend::mongo().await).await;
}

async fn tell(backend: &Backend) {
    let store = backend.open(PUBLISHED).await;
    store.init().await.unwrap();
    heartbeats(&*store).await;
    check_runs(&*store).await;
    freshness(backend, &*store).await;
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(fields) = value else { panic!() };
    fields
}

/// What every component said last.
async fn heard(store: &dyn Store) -> Vec<fleet::HeartbeatRow> {
    store.overview(now(), now()).await.unwrap().heartbeats
}

async fn heartbeats(store: &dyn Store) {
    assert_eq!(heard(store).await, []);
    let heartbeat =
        |component: &str, details| Heartbeat { component: component.to_owned(), details: object(details) };
    let before = store.server_time().await.unwrap() - TimeDelta::seconds(1);
    store
        .heartbeat(&[
            heartbeat("worker:groq:main", json!({"due": 1})),
            heartbeat("daemon:main:$x", json!({})),
        ])
        .await
        .unwrap();
    let again =
        json!({"due": 2, "$odd.key": [1.5, null, {"": "a"}], "written_at": "2026-11-01T00:00:00.000Z"});
    store.heartbeat(&[heartbeat("worker:groq:main", again.clone())]).await.unwrap();
    store.heartbeat(&[]).await.unwrap();
    let heartbeats = heard(store).await;
    let told: Vec<_> =
        heartbeats.iter().map(|heartbeat| (heartbeat.component.as_str(), &heartbeat.details)).collect();
    assert_eq!(told, [("daemon:main:$x", &json!({})), ("worker:groq:main", &again)]);
    assert!(heartbeats.iter().all(|heartbeat| heartbeat.updated_at > Some(before)));
}

async fn check_runs(store: &dyn Store) {
    assert_eq!(store.latest_check_run().await.unwrap(), None);
    let run = |minutes: i64, ok: bool| SelfCheckRun {
        checked_at: now() - TimeDelta::minutes(minutes),
        threshold_version: 1,
        cadence_seconds: 1800,
        baseline: ok.then(|| Baseline { models: 500, at: now() }),
        results: vec![SelfCheckResult {
            name: "none_starved".to_owned(),
            ok,
            evaluated: ok,
            violation_count: u64::from(!ok),
            error: (!ok).then(|| "could not look".to_owned()),
            subjects: vec!["groq:m".to_owned()],
        }],
        audits: vec![Audit {
            name: "no_model_is_odd".to_owned(),
            description: "none is odd".to_owned(),
            count: 30,
            subjects: vec!["groq:odd".to_owned()],
        }],
    };
    let newest = run(1, true);
    for run in [&newest, &run(60, false)] {
        store.keep_check_run(run).await.unwrap();
    }
    assert_eq!(store.latest_check_run().await.unwrap(), Some(newest));
}

async fn freshness(backend: &Backend, store: &dyn Store) {
    for (model, enabled) in
        [("groq:fresh", true), ("groq:late", true), ("groq:never", true), ("groq:off", false)]
    {
        put_model(store, &model.parse().unwrap(), "Name", enabled).await.unwrap();
    }
    for (id, model, hours) in [("01", "fresh", 0), ("02", "late", 30)] {
        let mut run = samples::run(id, "groq", model);
        run.gen_ts -= TimeDelta::hours(hours);
        run.run_ts -= TimeDelta::hours(hours);
        store.record(&samples::success(&run)).await.unwrap();
    }
    let late = ModelRef::new("groq", "late");
    let slow = Cadences { by_model: HashMap::from([(late.clone(), 25 * 3600)]), ..Cadences::default() };
    let quick = Cadences { default_seconds: 1800, by_model: HashMap::from([(late, 60)]) };
    for (cadences, word, cadence) in [(&slow, "fresh", 90_000), (&quick, "critical", 60)] {
        assert_eq!(store.refresh_health(cadences).await.unwrap(), 4);
        let rows = backend.rows(Kind::Health).await;
        let status = |model: &str| {
            let row = rows.iter().find(|row| row["model_id"] == model).unwrap();
            row["freshness_status"].as_str().unwrap().to_owned()
        };
        let told = ["fresh", "late", "never", "off"].map(status);
        assert_eq!(told, ["fresh", word, "never_run", "disabled"]);
        let row = backend.row(Kind::Health, "model_id", "late").await.unwrap();
        assert_eq!((&row["cadence_seconds"], &row["successes_24h"]), (&json!(cadence), &json!(0)));
        let age = row["staleness_seconds"].as_i64().unwrap();
        assert!((30 * 3600..31 * 3600).contains(&age), "{age}");
    }
    let health = store.health().await.unwrap();
    let told: Vec<_> =
        health.iter().map(|row| (row.model.model_id.as_str(), row.last_success_at.is_some())).collect();
    assert_eq!(told, [("fresh", true), ("late", true), ("never", false), ("off", false)]);
    assert_eq!((health[1].cadence_seconds, health[1].enabled, health[3].enabled), (Some(60), true, false));
    let never = backend.row(Kind::Health, "model_id", "never").await.unwrap();
    let fields = [
        "provider",
        "model_id",
        "enabled",
        "cadence_seconds",
        "last_success_at",
        "last_attempt_at",
        "last_error_at",
        "last_error_kind",
        "last_error_message",
        "consecutive_failures",
        "successes_24h",
        "failures_24h",
        "deadline_misses_24h",
        "staleness_seconds",
        "freshness_status",
        "updated_at",
    ];
    assert!(fields.iter().all(|name| never.contains_key(*name)), "{never:?}");
    // A row after the refresh still moves the figures, whatever clock the refresh went by.
    store.record(&samples::failed(&samples::failure("03", "groq", "never"))).await.unwrap();
    let failed = backend.row(Kind::Health, "model_id", "never").await.unwrap();
    assert_eq!((&failed["failures_24h"], &failed["consecutive_failures"]), (&json!(1), &json!(1)));
}
