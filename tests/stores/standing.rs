//! The few rows of a catalog that somebody has to decide about, and chores that one of several takes: on every store.

use super::backend::Backend;
use crate::support::catalog::put_model;
use llmbench::domain::{ModelRef, Series};
use llmbench::storage::Store;
use llmbench::storage::catalog::{Batch, ChangeRequest};
use llmbench::storage::claims::{ClaimResult, JobOutcome, SlotClaim};
use serde_json::{Value, json};
use std::time::Duration;

const PUBLISHED: &[&str] = &["cloud-default-v1"];

#[tokio::test]
async fn sqlite_knows_who_waits_and_who_refuses() {
    tell(&Backend::sqlite()).await;
}

#[tokio::test]
async fn mongodb_knows_who_waits_and_who_refuses() {
    tell(&Backend::mongo().await).await;
}

async fn tell(backend: &Backend) {
    let (store, other) = (backend.open(PUBLISHED).await, backend.open(PUBLISHED).await);
    store.init().await.unwrap();
    entries_that_wait(&*store).await;
    jobs_of_models_that_refuse(&*store).await;
    chores(&*store, &*other).await;
}

async fn put(store: &dyn Store, model: &str, enabled: bool, fields: Value) {
    let model: ModelRef = model.parse().unwrap();
    put_model(store, &model, "", enabled).await.unwrap();
    let batch = format!("b-{model}");
    let begun = Batch {
        id: batch.clone(),
        at: chrono::Utc::now(),
        who: "ann@here".to_owned(),
        action: "set".to_owned(),
        why: None,
        planned: 1,
        undoes: None,
        undone_by: None,
        finished_at: None,
    };
    store.begin_batch(&begun).await.unwrap();
    let Value::Object(set) = fields else { panic!() };
    let expected = store.entry(&model).await.unwrap().unwrap().values(set.keys());
    store.change(&ChangeRequest { batch, model, expected: Some(expected), set }).await.unwrap();
}

async fn entries_that_wait(store: &dyn Store) {
    let day = "2030-01-01T00:00:00.000Z";
    put(store, "a:measured", true, json!({"status": "probing"})).await;
    put(store, "a:off", false, json!({"status": "off", "disabled_until": null})).await;
    put(store, "b:until", false, json!({"disabled_until": day})).await;
    put(store, "a:new", false, json!({"status": "probing", "metadata": {"k": 1}})).await;
    put(store, "a:aside", false, json!({"disabled_recheck_at": day, "disabled_class": "hard_model"})).await;
    put(store, "a:gone", false, json!({"status": "probing", "deprecated": true})).await;
    let waiting = store.waiting().await.unwrap();
    let names: Vec<String> = waiting.iter().map(|entry| entry.model.to_string()).collect();
    assert_eq!(names, ["a:aside", "a:new", "b:until"]);
    let all = store.entries(None).await.unwrap();
    assert!(waiting.iter().all(|entry| all.contains(entry)), "the same entries, in the same words");
    let model: ModelRef = "a:new".parse().unwrap();
    assert_eq!(store.entry(&model).await.unwrap().as_ref(), Some(&waiting[1]));
    assert_eq!(store.entry(&"a:nobody".parse().unwrap()).await.unwrap(), None);
}

async fn jobs_of_models_that_refuse(store: &dyn Store) {
    for (model, profile, kind) in [
        ("a:x", "cloud-default-v1", Some("hard_model")),
        ("a:x", "cloud-long-v1", None),
        ("a:y", "cloud-default-v1", Some("timeout")),
        ("b:z", "cloud-default-v1", Some("hard_capability")),
    ] {
        let model = model.parse().unwrap();
        let series = Series { model, profile_id: profile.to_owned(), vantage: "main".to_owned() };
        let now = store.server_time().await.unwrap();
        let claim = SlotClaim {
            slot: series.slot_at(now, 1800),
            owner: "one".to_owned(),
            ttl: Duration::from_secs(60),
            max_attempts: 2,
            deadline_seconds: 60,
        };
        let ClaimResult::Granted(grant) = store.claim(&claim).await.unwrap() else { panic!() };
        let ending = kind.map_or(JobOutcome::Success, |kind| JobOutcome::GivenUp {
            kind: kind.to_owned(),
            message: String::new(),
        });
        assert!(store.settle(&grant, &ending).await.unwrap());
    }
    let found = store.jobs_of_refusing(&["hard_model", "hard_capability"]).await.unwrap();
    let told: Vec<_> = found
        .iter()
        .map(|job| (job.series.model.to_string(), job.series.profile_id.as_str(), job.error_kind.as_deref()))
        .collect();
    let expected = [
        ("a:x", "cloud-default-v1", Some("hard_model")),
        ("a:x", "cloud-long-v1", None),
        ("b:z", "cloud-default-v1", Some("hard_capability")),
    ];
    assert_eq!(told, expected.map(|(model, profile, kind)| (model.to_owned(), profile, kind)));
    assert_eq!(store.jobs_of_refusing(&["auth"]).await.unwrap(), []);
}

async fn chores(store: &dyn Store, other: &dyn Store) {
    let (long, none) = (Duration::from_secs(3600), Duration::ZERO);
    let asked = |chore: &'static str, rest| async move {
        let (one, two) =
            tokio::join!(store.take_chore(chore, "one", rest), other.take_chore(chore, "$two", rest));
        (one.unwrap(), two.unwrap())
    };
    let (one, two) = asked("list:groq", long).await;
    assert!(one != two, "one of them, and not both");
    assert_eq!(asked("list:groq", long).await, (false, false));
    let (one, two) = asked("list:openai", long).await;
    assert!(one != two, "another chore is free");
    assert!(store.take_chore("list:groq", "three", none).await.unwrap(), "it has rested");
    assert!(!other.take_chore("list:groq", "four", long).await.unwrap());
    let now = chrono::Utc::now();
    let heartbeats = store.overview(now, now).await.unwrap().heartbeats;
    let heartbeat = heartbeats.iter().find(|heartbeat| heartbeat.component == "chore:list:groq").unwrap();
    assert_eq!(heartbeat.details["owner"], "three");
}
