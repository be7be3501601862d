//! Clocks that were wrong: what they dated ahead keeps no model from being measured, in either store.

use super::world::{QUICK, World, until};
use crate::runner::world::block_on;
use crate::support::peers::{Mongod, fresh_name};
use crate::support::{Home, documents, samples};
use chrono::{TimeDelta, Utc};
use llmbench::domain::{ModelRef, Series};
use llmbench::storage::claims::{ClaimResult, JobOutcome, SlotClaim};
use llmbench::storage::{self, CollectionNames, StoreLocation};
use mongodb::bson::{Document, doc};
use rusqlite::Connection;
use std::time::Duration;

const OFTEN: &str = "[daemon]\ntick = 1.0";
const HOUR: TimeDelta = TimeDelta::hours(1);

/// One model whose newest row and whose job were written by somebody whose clock was an hour ahead, and another that he
/// holds by a lease of then.
fn written_ahead(store: &str) {
    block_on(async {
        let location = StoreLocation::parse(store).unwrap();
        let store = storage::open(&location, &CollectionNames::default(), &["cloud-default-v1".to_owned()])
            .await
            .unwrap();
        for provider in ["alpha", "beta"] {
            let series = Series {
                model: ModelRef::new(provider, QUICK),
                profile_id: "cloud-default-v1".to_owned(),
                vantage: "main".to_owned(),
            };
            let claim = SlotClaim {
                slot: series.slot_at(Utc::now(), 1800),
                owner: "elsewhere:1".to_owned(),
                ttl: Duration::from_secs(600),
                max_attempts: 2,
                deadline_seconds: 60,
            };
            let ClaimResult::Granted(grant) = store.claim(&claim).await.unwrap() else { panic!() };
            if provider == "alpha" {
                assert!(store.settle(&grant, &JobOutcome::Success).await.unwrap());
                let mut run = samples::run("ahead", provider, QUICK);
                (run.gen_ts, run.run_ts) = (run.gen_ts + HOUR, run.run_ts + HOUR);
                store.record(&samples::success(&run)).await.unwrap();
            }
        }
    });
}

const MOMENTS: [&str; 7] = [
    "slot_at",
    "not_before",
    "started_at",
    "finished_at",
    "last_success_at",
    "updated_at",
    "lease_expires_at",
];

#[test]
fn sqlite_what_was_written_ahead_keeps_nobody_waiting() {
    let world = World::new(&[&format!("alpha:{QUICK}"), &format!("beta:{QUICK}")], OFTEN);
    let file = world.home.path().join("runs.db");
    written_ahead(&format!("sqlite:{}", file.display()));
    let later: Vec<String> =
        MOMENTS.iter().map(|name| format!("{name}_ms = {name}_ms + {}", HOUR.num_milliseconds())).collect();
    Connection::open(&file).unwrap().execute(&format!("UPDATE jobs SET {}", later.join(", ")), []).unwrap();
    let daemon = world.start(&[]);
    let measured =
        |provider: &str| world.runs().iter().any(|row| row["provider"] == provider && row["_id"] != "ahead");
    until("both are measured", || measured("alpha") && measured("beta"));
    let (code, said) = daemon.stop();
    assert_eq!(code, 0, "{said}");
}

#[test]
fn mongodb_what_was_written_ahead_keeps_nobody_waiting() {
    let (mongod, database) = (Mongod::start(), fresh_name());
    let models = [format!("alpha:{QUICK}"), format!("beta:{QUICK}")];
    let uri = mongod.uri(&database);
    let world = World::at(Home::new(), uri.clone(), &[&models[0], &models[1]], OFTEN);
    written_ahead(&uri);
    let moved = |name: &&str| {
        let field = format!("${name}");
        let later = doc! { "$add": [&field, HOUR.num_milliseconds()] };
        (
            (*name).to_owned(),
            doc! { "$cond": [{ "$eq": [{ "$type": &field }, "date"] }, later, &field] }.into(),
        )
    };
    let later: Document = MOMENTS.iter().map(moved).collect();
    block_on(async {
        let jobs = mongod.database(&database).await.collection::<Document>("bench_jobs");
        let changed = jobs.update_many(doc! {}, vec![doc! { "$set": later }]).await.unwrap();
        assert_eq!(changed.modified_count, 2);
    });
    let daemon = world.start(&[]);
    let measured = |provider: &str| {
        let rows = documents::rows(mongod, &database, &["metrics_cloud_v2"]);
        rows.iter().any(|row| row["provider"] == provider && row["_id"] != "ahead")
    };
    until("both are measured", || measured("alpha") && measured("beta"));
    let (code, said) = daemon.stop();
    assert_eq!(code, 0, "{said}");
}
