//! Batches of rows, and what follows from them derived once, afterwards: the same rows, rollups and health as one by one.

use super::backend::{Backend, Kind};
use crate::support::catalog::put_model;
use crate::support::samples::{failed, failure, now, run, success};
use chrono::TimeDelta;
use llmbench::domain::{ModelRef, Outcome};
use llmbench::storage::aggregates::PendingAggregates;
use llmbench::storage::outcomes::payload::OutcomePayload;
use llmbench::storage::{RecordOutcome, Store, StoreError};
use serde_json::{Map, Value, json};

const PUBLISHED: &[&str] = &["cloud-default-v1"];
/// Enough that a store would rather ask for all of them at once than for each.
const MODELS: i64 = 8;

#[tokio::test]
async fn sqlite_derives_once_what_it_derives_row_by_row() {
    compare(&Backend::sqlite(), &Backend::sqlite()).await;
}

#[tokio::test]
async fn mongodb_derives_once_what_it_derives_row_by_row() {
    compare(&Backend::mongo().await, &Backend::mongo().await).await;
}

async fn compare(one_by_one: &Backend, together: &Backend) {
    let outcomes = outcomes();
    let store = ready(one_by_one).await;
    for outcome in &outcomes {
        store.record(outcome).await.unwrap();
    }
    let store = ready(together).await;
    let mut moved = PendingAggregates::default();
    for batch in outcomes.chunks(15) {
        moved.merge(keep(&*store, batch, RecordOutcome::Stored).await);
    }
    store.derive(&moved).await.unwrap();
    assert_same(one_by_one, together).await;
    // What was kept and never derived comes again, and again nothing is counted twice.
    let again = keep(&*store, &outcomes, RecordOutcome::Duplicate).await;
    store.derive(&again).await.unwrap();
    store.derive(&moved).await.unwrap();
    assert_same(one_by_one, together).await;
    one_bad_row_holds_up_no_other(&*store).await;
}

async fn ready(backend: &Backend) -> std::sync::Arc<dyn Store> {
    let store = backend.open(PUBLISHED).await;
    store.init().await.unwrap();
    for number in 0..MODELS {
        put_model(&*store, &model(number), "", true).await.unwrap();
    }
    store
}

fn model(number: i64) -> ModelRef {
    ModelRef::new("groq", format!("batch-{number}"))
}

/// Successes and failures of the last hours and of two days ago, in no order, and one that no published series has.
fn outcomes() -> Vec<Outcome> {
    let at = now();
    let outcome = |number: i64| {
        let (id, model) = (format!("b{number}"), model(number % MODELS).model_id);
        let hours = if number % 7 == 0 { 50 } else { (number * 5) % 23 };
        let when = at - TimeDelta::hours(hours) - TimeDelta::minutes(number);
        if number % 3 == 0 {
            let mut failure = failure(&id, "groq", &model);
            (failure.ts, failure.fingerprint) = (when, format!("fingerprint of {model}"));
            return failed(&failure);
        }
        let mut run = run(&id, "groq", &model);
        (run.run_ts, run.gen_ts) = (when, when + TimeDelta::seconds(1));
        if number == 5 {
            run.sample_role = "manual".to_owned();
        }
        success(&run)
    };
    (0..40).map(outcome).collect()
}

async fn keep(store: &dyn Store, outcomes: &[Outcome], expected: RecordOutcome) -> PendingAggregates {
    let payloads: Vec<OutcomePayload> =
        outcomes.iter().map(|outcome| OutcomePayload::of(outcome).unwrap()).collect();
    let (answers, moved) = store.keep_all(&payloads.iter().collect::<Vec<_>>()).await;
    let as_expected =
        |answer: &Result<RecordOutcome, StoreError>| matches!(answer, Ok(it) if *it == expected);
    assert!(answers.len() == outcomes.len() && answers.iter().all(as_expected), "{answers:?}");
    moved
}

async fn assert_same(one: &Backend, other: &Backend) {
    for kind in [Kind::Published, Kind::Probe, Kind::Errors, Kind::Rollups, Kind::Health] {
        let (one, other) = (comparable(one, kind).await, comparable(other, kind).await);
        assert!(!one.is_empty());
        assert_eq!(one, other, "{kind:?}");
    }
}

/// Rows in an order, without what says when they were counted.
async fn comparable(backend: &Backend, kind: Kind) -> Vec<Map<String, Value>> {
    let mut rows = backend.rows(kind).await;
    for row in &mut rows {
        for name in ["counted_at", "updated_at", "staleness_seconds"] {
            row.remove(name);
        }
    }
    rows.sort_by_key(|row| {
        ["_id", "fingerprint", "model_id"].map(|name| row.get(name).map(Value::to_string))
    });
    rows
}

async fn one_bad_row_holds_up_no_other(store: &dyn Store) {
    let mut payloads =
        ["x1", "x2", "x3", "x4"].map(|id| OutcomePayload::of(&success(&run(id, "groq", "batch-1"))).unwrap());
    for (place, name, value) in [(1, "tokens_per_second", json!(0)), (2, "_id", json!("b1"))] {
        let mut fields = payloads[place].fields().unwrap();
        fields.insert(name.to_owned(), value);
        payloads[place].json = Value::Object(fields).to_string();
    }
    let (answers, moved) = store.keep_all(&payloads.iter().collect::<Vec<_>>()).await;
    let [
        Ok(RecordOutcome::Stored),
        Err(StoreError::Rejected(why)),
        Err(StoreError::Conflict(_)),
        Ok(RecordOutcome::Stored),
    ] = &answers[..]
    else {
        panic!("{answers:?}")
    };
    assert!(why.contains("x2") && why.contains("tokens_per_second"), "{why}");
    store.derive(&moved).await.unwrap();
}
