//! What providers list, on every store: one story, told by the store and by a look into its rows.

use super::backend::{Backend, Kind};
use crate::support::catalog::put_model;
use crate::support::samples::now;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use llmbench::domain::listing::{ListedModel, Listing, ListingChangeCounts, ModelFacts, ReadStatus};
use llmbench::storage::Store;
use serde_json::{Value, json};
use std::sync::Arc;

#[tokio::test]
async fn sqlite_keeps_lists() {
    tell(&Backend::sqlite()).await;
}

#[tokio::test]
async fn mongodb_keeps_lists() {
    tell(&Backend::mongo().await).await;
}

fn model(model_id: &str, context: u64) -> ListedModel {
    ListedModel {
        model_id: model_id.to_owned(),
        name: format!("Model {model_id}"),
        facts: ModelFacts { context_length: Some(context), input_price: Some(3.0), ..ModelFacts::default() },
        raw: json!({"id": model_id, "$odd.key": {"": [1, 2.5, null, u64::MAX]}, "run_ts": "2026-08-01T12:00:00Z"}),
        endpoints: None,
    }
}

fn listing(at: DateTime<Utc>, status: ReadStatus, models: Vec<ListedModel>) -> Listing {
    let error = (!status.is_complete()).then(|| "page 2: HTTP 500".to_owned());
    let raw_count = models.len() as u64 + 5;
    let finished_at = at + TimeDelta::milliseconds(250);
    Listing { provider: "groq".to_owned(), started_at: at, finished_at, status, error, raw_count, models }
}

fn text(at: DateTime<Utc>) -> Value {
    json!(at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

async fn tell(backend: &Backend) {
    let store = backend.open(&["cloud-default-v1"]).await;
    store.init().await.unwrap();
    assert_eq!(store.listed(None).await.unwrap(), []);
    let start = now() - TimeDelta::hours(5);
    let [first, second, third] = [0, 1, 2].map(|hours| start + TimeDelta::hours(hours));
    let complete = |at, models| listing(at, ReadStatus::Completed, models);

    let kept = store.keep_listing(&complete(first, vec![model("a", 1), model("b.$x", 1)])).await.unwrap();
    assert_eq!(kept, ListingChangeCounts { new: 2, changed: 0 });
    let kept = store.keep_listing(&complete(second, vec![model("a", 2), model("c", 1)])).await.unwrap();
    assert_eq!(kept, ListingChangeCounts { new: 1, changed: 1 });
    let partial = listing(third, ReadStatus::Partial, vec![model("a", 2)]);
    assert_eq!(store.keep_listing(&partial).await.unwrap(), ListingChangeCounts { new: 0, changed: 0 });
    let failed = listing(third, ReadStatus::Failed, Vec::new());
    assert_eq!(store.keep_listing(&failed).await.unwrap(), ListingChangeCounts::default());
    // A read that began earlier and is kept later sets nothing back.
    store.keep_listing(&complete(first, vec![model("c", 1)])).await.unwrap();

    rows(backend, &*store, [first, second, third]).await;
    reads(backend, &*store, first).await;
    nothing_else(&*store).await;
    many_writers(backend).await;
}

async fn rows(backend: &Backend, store: &dyn Store, times: [DateTime<Utc>; 3]) {
    let [first, second, third] = times.map(|at| at + TimeDelta::milliseconds(250));
    let listed = store.listed(Some("groq")).await.unwrap();
    let seen: Vec<_> =
        listed.iter().map(|row| (row.model_id.as_str(), row.first_seen_at, row.last_seen_at)).collect();
    let expected = [
        ("a", Some(first), Some(third)),
        ("b.$x", Some(first), Some(first)),
        ("c", Some(second), Some(second)),
    ];
    assert_eq!(seen, expected);
    assert_eq!((listed[0].name.as_str(), listed[0].facts.context_length), ("Model a", Some(2)));
    let change = &listed[0].changes[0];
    assert_eq!((listed[0].changes.len(), change.at, change.fact.as_str()), (1, second, "context_length"));
    assert_eq!((&change.from, &change.to), (&json!(1), &json!(2)));
    assert_eq!(store.listed(None).await.unwrap(), listed);

    let row = backend.row(Kind::Catalog, "model_id", "a").await.unwrap();
    assert_eq!((&row["provider"], &row["name"]), (&json!("groq"), &json!("Model a")));
    assert_eq!((&row["first_seen_at"], &row["last_seen_at"]), (&text(first), &text(third)));
    assert_eq!((&row["raw"]["id"], &row["raw"]["run_ts"]), (&json!("a"), &json!("2026-08-01T12:00:00Z")));
    assert_eq!(row["raw"]["$odd.key"][""][1], json!(2.5));
}

async fn reads(backend: &Backend, store: &dyn Store, first: DateTime<Utc>) {
    let reads = store.list_reads(Some("groq")).await.unwrap();
    let told: Vec<_> = reads.iter().map(|read| (read.complete, read.error.is_some())).collect();
    assert_eq!(told, [(true, false), (true, false), (true, false), (false, true), (false, true)]);
    assert_eq!(reads[0].started_at, first);
    assert_eq!(store.list_reads(None).await.unwrap(), reads);
    let mut row = backend.row(Kind::Reads, "status", "partial").await.unwrap();
    row.remove("_id");
    let at = first + TimeDelta::hours(2);
    let expected = json!({
        "provider": "groq", "started_at": text(at), "finished_at": text(at + TimeDelta::milliseconds(250)),
        "status": "partial", "error": "page 2: HTTP 500", "raw_count": 6, "accepted_count": 1, "new_count": 0,
        "pagination_complete": false, "source_version": 1,
    });
    assert_eq!(Value::Object(row), expected);
}

async fn nothing_else(store: &dyn Store) {
    assert_eq!(store.listed(Some("nobody")).await.unwrap(), []);
    assert_eq!(store.list_reads(Some("nobody")).await.unwrap(), []);
    for (text, enabled) in [("groq:on", true), ("groq:off", false)] {
        put_model(store, &text.parse().unwrap(), "Name", enabled).await.unwrap();
    }
    let measured = store.measured_models().await.unwrap();
    let told: Vec<_> = measured
        .iter()
        .map(|entry| (entry.model.to_string(), entry.display_name.as_str(), entry.measured))
        .collect();
    assert_eq!(told, [("groq:off".to_owned(), "Name", false), ("groq:on".to_owned(), "Name", true)]);
}

/// Syncs of the same provider at the same time: each model is one row, new for one of them.
async fn many_writers(backend: &Backend) {
    let models: Vec<ListedModel> = (0..450).map(|number| model(&format!("m{number:03}"), 1)).collect();
    let mut read = listing(now(), ReadStatus::Completed, models);
    read.provider = "crowd".to_owned();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (store, read): (Arc<dyn Store>, Listing) = (backend.open(&[]).await, read.clone());
        writers.spawn(async move { store.keep_listing(&read).await.unwrap().new });
    }
    assert_eq!(writers.join_all().await.iter().sum::<u64>(), 450);
    let rows = backend.rows(Kind::Catalog).await;
    assert_eq!(rows.iter().filter(|row| row["provider"] == "crowd").count(), 450);
}
