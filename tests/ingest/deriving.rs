//! What follows from posted rows: with the answer where few come, behind it where many come, and never lost: not where it
//! cannot be done at once, not where the bridge is killed in between.

use super::served::{Served, failure, result, with};
use crate::support::catalog::put_model;
use crate::support::peers::{self, Mongod};
use crate::support::{Home, PATIENCE};
use llmbench::domain::ModelRef;
use llmbench::storage::CollectionNames;
use llmbench::storage::history::{HistoryFilter, RunSeries};
use mongodb::Database;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::sleep;

async fn on_mongod() -> (Served, Database) {
    let (mongod, name) = (Mongod::start(), peers::fresh_name());
    let served = Served::on(Home::new(), mongod.uri(&name), &["--rate", "100000"]).await;
    (served, mongod.database(&name).await)
}

/// Has the server refuse every change of the collections that are derived, or takes that back.
async fn refuse_what_is_derived(database: &Database, refused: bool) {
    let names = CollectionNames::default();
    let validator = if refused {
        doc! { "never": { "$exists": true } }
    } else {
        doc! {}
    };
    for collection in [&names.model_health, &names.error_rollups] {
        database.run_command(doc! { "collMod": collection, "validator": validator.clone() }).await.unwrap();
    }
}

async fn counted(database: &Database, collection: &str, filter: Document) -> u64 {
    database.collection::<Document>(collection).count_documents(filter).await.unwrap()
}

async fn until(database: &Database, collection: &str, filter: Document, wanted: u64) {
    let start = Instant::now();
    while counted(database, collection, filter.clone()).await < wanted {
        assert!(start.elapsed() < PATIENCE, "never {wanted} of {filter} in {collection}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// A run and a failure of now; the failure, before the run, of the enabled model as well.
fn posts() -> (Value, Value) {
    let now = chrono::Utc::now();
    let at = |seconds| json!(now + chrono::TimeDelta::seconds(seconds));
    let run = with(with(result(), "run_ts", at(-10)), "gen_ts", at(-8));
    let failure =
        with(with(failure(), "provider", json!("bedrock")), "model_name", result()["model_name"].clone());
    (run, with(failure, "ts", at(-20)))
}

fn healthy() -> Document {
    doc! { "last_success_at": { "$ne": null }, "successes_24h": 1, "failures_24h": 1 }
}

#[tokio::test]
async fn one_post_is_answered_with_its_health_there() {
    let (served, database) = on_mongod().await;
    let (run, failure) = posts();
    assert_eq!(served.post("/ingest/error", &failure).status, 200);
    assert_eq!(counted(&database, &CollectionNames::default().error_rollups, doc! { "count": 1 }).await, 1);
    assert_eq!(served.post("/ingest", &run).status, 200);
    assert_eq!(counted(&database, &CollectionNames::default().model_health, healthy()).await, 1);
}

#[tokio::test]
async fn what_could_not_be_derived_is_derived_later_and_the_rows_are_stored_once() {
    let (served, database) = on_mongod().await;
    let (names, (run, failure)) = (CollectionNames::default(), posts());
    refuse_what_is_derived(&database, true).await;
    for (path, post) in [("/ingest", &run), ("/ingest/error", &failure)] {
        let answer = served.post(path, post);
        assert_eq!((answer.status, &answer.json()["duplicate"]), (200, &json!(false)), "{}", served.said());
    }
    served.until_said("\"event\":\"derive\"");
    assert_eq!(counted(&database, &names.model_health, healthy()).await, 0);
    refuse_what_is_derived(&database, false).await;
    until(&database, &names.model_health, healthy(), 1).await;
    until(&database, &names.error_rollups, doc! { "count": 1 }, 1).await;
    assert_eq!(served.post("/ingest", &run).json()["duplicate"], json!(true));
    assert_eq!(counted(&database, &names.cloud, doc! {}).await, 1);
}

#[tokio::test]
async fn a_bridge_that_is_killed_before_it_derived_leaves_that_to_the_next() {
    let (served, database) = on_mongod().await;
    let (names, (run, failure)) = (CollectionNames::default(), posts());
    let store = served.store().await;
    put_model(&*store, &ModelRef::new("bedrock", "late"), "", true).await.unwrap();
    sleep(Duration::from_secs(4)).await;
    // Both bridges have looked before: what came since is found by when it came.
    until(&database, &names.scheduler_heartbeats, doc! { "component": "chore:derive_posted" }, 1).await;
    refuse_what_is_derived(&database, true).await;
    assert_eq!(served.post("/ingest", &run).status, 200);
    assert_eq!(served.post("/ingest/error", &failure).status, 200);
    // Older than the window that is counted: the newest success is known from nothing but the row.
    let days_ago = json!(chrono::Utc::now() - chrono::TimeDelta::days(3));
    let late = with(with(result(), "run_ts", days_ago.clone()), "gen_ts", days_ago);
    assert_eq!(served.post("/ingest", &with(late, "model_name", json!("late"))).status, 200);
    let served = served.killed_and_started_again();
    served.until_said("\"event\":\"derive\"");
    refuse_what_is_derived(&database, false).await;
    until(&database, &names.model_health, healthy(), 1).await;
    until(&database, &names.error_rollups, doc! { "count": 1 }, 1).await;
    let late = doc! { "model_id": "late", "last_success_at": { "$ne": null }, "successes_24h": 0 };
    until(&database, &names.model_health, late, 1).await;
    assert_eq!(counted(&database, &names.cloud, doc! {}).await, 2);
}

/// Under load, killed at once after the last answer: whatever is not derived then is derived by the next.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_answered_before_it_is_derived_and_nothing_of_it_is_lost() {
    const MODELS: usize = 64;
    let (served, database) = on_mongod().await;
    let (store, names) = (served.store().await, CollectionNames::default());
    for number in 0..MODELS {
        put_model(&*store, &ModelRef::new("bedrock", format!("m{number}")), "", true).await.unwrap();
    }
    sleep(Duration::from_secs(4)).await;
    until(&database, &names.scheduler_heartbeats, doc! { "component": "chore:derive_posted" }, 1).await;
    let (run, failure) = posts();
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            for number in 0..MODELS {
                let (served, model) = (&served, json!(format!("m{number}")));
                let (run, failure) = (
                    with(run.clone(), "model_name", model.clone()),
                    with(failure.clone(), "model_name", model),
                );
                scope.spawn(move || {
                    assert_eq!(served.post("/ingest/error", &failure).status, 200);
                    assert_eq!(served.post("/ingest", &run).status, 200);
                });
            }
        });
    });
    let served = served.killed_and_started_again();
    until(&database, &names.model_health, healthy(), MODELS as u64).await;
    until(&database, &names.error_rollups, doc! { "count": 1 }, MODELS as u64).await;
    let (status, said) = served.stop();
    assert_eq!(status, Some(0), "{said}");
}

#[tokio::test]
async fn without_its_index_nothing_is_scanned_and_the_way_out_is_named() {
    let (served, database) = on_mongod().await;
    let cloud = database.collection::<Document>(&CollectionNames::default().cloud);
    cloud.drop_index("received_at_1").await.unwrap();
    let served = served.with("--no-init").killed_and_started_again();
    served.until_said("llmbench db init");
    assert_eq!(served.post("/ingest", &posts().0).status, 200);
}

/// An operator who names the endpoint of a runner's rows later, or names another one, does not make a repeated post another
/// row.
#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_is_repeated_after_its_endpoint_was_named_is_the_same_row() {
    for on_mongo in [false, true] {
        let mut served =
            if on_mongo { on_mongod().await.0 } else { Served::on_sqlite(&["--rate", "100000"]).await };
        let (run, failure) = posts();
        let batch = json!([run, failure]);
        for tag in [None, Some("bedrock/us-east-1"), Some("bedrock/eu")] {
            if let Some(tag) = tag {
                served =
                    served.with("--endpoint-tag").with(&format!("bedrock={tag}")).killed_and_started_again();
            }
            let answer = served.post("/ingest/batch", &batch);
            assert_eq!(answer.status, 200, "{answer:?}");
            let results = answer.json()["results"].clone();
            let words: Vec<&Value> = results.as_array().unwrap().iter().map(|one| &one["status"]).collect();
            assert_eq!(words, ["accepted", "accepted"], "{tag:?}: {answer:?}");
        }
        let store = served.store().await;
        let rows = store.runs(&HistoryFilter::default(), RunSeries::Published, 10).await.unwrap();
        assert_eq!(rows.len(), 1, "{rows:?}");
        // What is different otherwise is another row, and still refused.
        let id = json!("01K1J0000000000000000000TG");
        let named = with(run.clone(), "_id", id.clone());
        let other = with(named.clone(), "output_tokens", json!(61));
        let answer = served.post("/ingest/batch", &json!([named, other])).json();
        assert_eq!(answer["results"][0]["status"], "accepted", "{answer}");
        assert_eq!(answer["results"][1]["error"]["code"], "conflict", "{answer}");
    }
}
