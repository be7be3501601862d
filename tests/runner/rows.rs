//! A row that comes through the bridge is the row that our own writer would have written.

use super::world::{block_on, client, serve};
use crate::ingest::served::{INGEST_KEY, open};
use crate::support::documents::rows;
use crate::support::peers::{Mongod, fresh_name};
use crate::support::samples;
use llmbench::bridge::client::BridgeClient;
use llmbench::domain::failure::fingerprint;
use llmbench::domain::{Failure, Outcome, Run};
use llmbench::storage::outcomes::payload::OutcomePayload;
use llmbench::storage::posts::OWN_FIELDS;
use llmbench::storage::{OutcomeSink, RecordOutcome, StoreError};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const COLLECTIONS: [&str; 3] = ["metrics_cloud_v2", "metrics_cloud_probe", "errors_cloud"];

/// A run whose keys a bridge takes: those of the sample are chosen to be hard for a database, and a bridge refuses them.
fn run(id: &str, provider: &str, model: &str) -> Run {
    let mut run = samples::run(id, provider, model);
    run.extra.retain(|name, _| !["$dollar", "from_another_writer", "dotted.name"].contains(&name.as_str()));
    run
}

/// One of everything that a daemon writes.
fn outcomes() -> Vec<Outcome> {
    let slot = "alpha/m/cloud-default-v1/far/2026-11-23T16:30:00Z";
    let mut published = run(slot, "alpha", "m");
    published.extra.insert("vantage".to_owned(), json!("far"));
    published.extra.insert("slot_at".to_owned(), json!("2026-11-23T16:30:00Z"));
    published.misc.insert("omit_temperature".to_owned(), json!(true));
    published.temperature = None;
    let mut suspect = run("01K1J0000000000000000000S1", "alpha", "m");
    suspect.quality.suspect = true;
    let mut manual = run("01K1J0000000000000000000M1", "alpha", "other");
    "manual".clone_into(&mut manual.sample_role);
    let mut failure = samples::failure("01K1J0000000000000000000F1", "alpha", "m");
    failure.message = "Error code: 404 - no such model".to_owned();
    (failure.http_status, failure.provider_error_code) = (None, None);
    let mut traced = samples::failure("01K1J0000000000000000000F2", "alpha", "unknown");
    traced.extra.insert("sample_role".to_owned(), json!("probe"));
    for failure in [&mut failure, &mut traced] {
        let Failure { provider, model_name, stage, error_kind, normalized_message, .. } = &*failure;
        failure.fingerprint = fingerprint(provider, model_name, *stage, *error_kind, normalized_message);
    }
    [published, suspect, manual]
        .iter()
        .map(samples::success)
        .chain([failure, traced].iter().map(samples::failed))
        .collect()
}

/// The rows of a database by place and id, without what the bridge alone stamps.
fn stored(mongod: &Mongod, database: &str) -> BTreeMap<String, Map<String, Value>> {
    let mut all = BTreeMap::new();
    for collection in COLLECTIONS {
        for mut row in rows(mongod, database, &[collection]) {
            OWN_FIELDS.iter().for_each(|name| drop(row.remove(*name)));
            all.insert(format!("{collection} {}", row["_id"].as_str().unwrap()), row);
        }
    }
    all
}

#[test]
fn the_same_outcome_by_either_way_is_the_same_document() {
    let mongod = Mongod::start();
    let (near, far) = (fresh_name(), fresh_name());
    let outcomes = outcomes();
    let bridge = serve(&far, &["m"]);
    block_on(async {
        let direct = open(&mongod.uri(&near)).await;
        direct.init().await.unwrap();
        let runner = client(bridge.address, &["alpha"], INGEST_KEY);
        for outcome in &outcomes {
            direct.record(outcome).await.unwrap();
        }
        let answers = keep_all(&runner, &outcomes).await;
        assert!(answers.iter().all(|answer| matches!(answer, Ok(RecordOutcome::Stored))), "{answers:?}");
        let again = keep_all(&runner, &outcomes).await;
        assert!(again.iter().all(|answer| matches!(answer, Ok(RecordOutcome::Duplicate))), "{again:?}");
        let mut other = outcomes[0].clone();
        if let Outcome::Success(run) = &mut other {
            run.speeds.tokens_per_second += 1.0;
        }
        assert!(matches!(runner.record(&other).await, Err(StoreError::Conflict(_))));
    });
    let (direct, bridged) = (stored(mongod, &near), stored(mongod, &far));
    assert_eq!(direct.len(), outcomes.len());
    assert_eq!(direct, bridged);
}

/// As the sender of an outbox has rows kept.
async fn keep_all(runner: &BridgeClient, outcomes: &[Outcome]) -> Vec<Result<RecordOutcome, StoreError>> {
    let payloads: Vec<OutcomePayload> =
        outcomes.iter().map(|outcome| OutcomePayload::of(outcome).unwrap()).collect();
    runner.keep_all(&payloads.iter().collect::<Vec<_>>()).await.0
}

#[test]
fn what_the_bridge_does_not_take_is_refused_by_name_and_the_rest_is_stored() {
    let mongod = Mongod::start();
    let database = fresh_name();
    let bridge = serve(&database, &["m"]);
    block_on(async {
        let runner = client(bridge.address, &["alpha"], INGEST_KEY);
        let run =
            |number: usize, model: &str| run(&format!("01K1J00000000000000000{number:04}"), "alpha", model);
        let mut all: Vec<_> = (0..40).map(|number| run(number, "m")).collect();
        // The whole body is refused for it, so it has to be found.
        all[17].misc.insert("a.b".to_owned(), json!(1));
        // Not measured there, and published here.
        all[23] = run(23, "gone");
        let outcomes: Vec<_> = all.iter().map(samples::success).collect();
        let answers = keep_all(&runner, &outcomes).await;
        assert_eq!(answers.len(), 40);
        // No store could hold it.
        let mut odd = run(40, "m");
        odd.speeds.tokens_per_second = f64::NAN;
        assert!(matches!(runner.record(&samples::success(&odd)).await, Err(StoreError::Rejected(_))));
        for (number, answer) in answers.iter().enumerate() {
            match number {
                17 | 23 => {
                    assert!(matches!(answer, Err(StoreError::Rejected(_))), "{number}: {answer:?}")
                }
                _ => assert!(matches!(answer, Ok(RecordOutcome::Stored)), "{number}: {answer:?}"),
            }
        }
        assert!(answers[23].as_ref().unwrap_err().to_string().contains("not enabled"));
    });
    assert_eq!(rows(mongod, &database, &COLLECTIONS).len(), 38);
}
