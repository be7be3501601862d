//! A daemon that stands still while others go on, and clocks that people set.

use super::asked;
use super::oracle::{ERRORS, RUNS};
use crate::daemon::world::{Daemon, QUICK, World, until};
use crate::support::Home;
use crate::support::documents::rows;
use crate::support::peers::{Mongod, fresh_name};
use chrono::{DateTime, Utc};
use mongodb::bson::{Document, doc};
use rustix::process::Signal;
use std::thread::sleep;
use std::time::Duration;

/// Lets the lease of every job run out: by waiting where there is time, by setting the store's word otherwise.
fn leases_run_out(mongod: &Mongod, database: &str) {
    if asked().is_some() {
        return sleep(Duration::from_secs(75));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let jobs = mongod.database(database).await.collection::<Document>("bench_jobs");
        let past = mongodb::bson::DateTime::from_millis(0);
        let set = doc! { "$set": { "lease_expires_at": past } };
        let changed = jobs.update_many(doc! { "status": "running" }, set).await.unwrap();
        assert_eq!(changed.modified_count, 1, "no lease was held");
    });
}

#[test]
fn a_daemon_that_wakes_after_its_lease_changes_nothing() {
    let (mongod, database) = (Mongod::start(), fresh_name());
    let world = World::at(
        Home::new(),
        mongod.uri(&database),
        &["alpha:steady-ttft2500-gap1-n4"],
        "[daemon]\ncadence = 86400\ntick = 1.0\ndeadline = 10.0",
    );
    let start = |name: &str| {
        let state = world.home.path().join(name);
        Daemon::start(world.command(&["--state-dir", state.to_str().unwrap()]), state)
    };
    let sleeper = start("sleeper");
    until("it measures", || sleeper.lane("alpha").is_some_and(|lane| lane["running"] == 1));
    sleeper.signal(Signal::STOP);
    leases_run_out(mongod, &database);
    let other = start("other");
    until("another daemon measures the slot", || !rows(mongod, &database, RUNS).is_empty());
    sleeper.signal(Signal::CONT);
    until("the sleeper ends its own", || {
        sleeper.lane("alpha").is_some_and(|lane| lane["running"] == 0 && lane["finished_at"].is_string())
    });
    for daemon in [sleeper, other] {
        let (code, said) = daemon.stop();
        assert_eq!(code, 0, "{said}");
    }
    let (runs, errors) = (rows(mongod, &database, RUNS), rows(mongod, &database, ERRORS));
    let counts = |row: &&serde_json::Map<String, serde_json::Value>| row["suspect"] == false;
    assert!(runs.iter().filter(counts).count() <= 1, "{runs:?} {errors:?}");
    let owners: std::collections::BTreeSet<_> =
        runs.iter().chain(&errors).map(|row| row["daemon_owner"].to_string()).collect();
    assert!(!owners.is_empty());
    let jobs = rows(mongod, &database, &["bench_jobs"]);
    assert!(jobs.len() == 1 && jobs[0]["lease_epoch"].as_i64() >= Some(2), "{jobs:?}");
}

#[test]
fn a_zone_with_summer_time_moves_no_slot() {
    let world = World::new(&[&format!("alpha:{QUICK}")], "[daemon]\ncadence = 2\ntick = 1.0");
    // Half an hour off, and on each side of a change however the test is dated.
    let mut command = world.command(&[]);
    command.env("TZ", "LHST-10:30LHDT-11,M10.1.0,M4.1.0");
    let daemon = Daemon::start(command, world.home.path().join("state/llmbench"));
    until("three slots", || world.slots("alpha").len() >= 3);
    assert_eq!(daemon.stop().0, 0);
    for (_, slot) in world.slots("alpha") {
        let slot_at: DateTime<Utc> = slot.parse().unwrap();
        assert!(slot.ends_with('Z') && slot_at.timestamp() % 2 == 0, "{slot}");
        assert!((Utc::now() - slot_at).num_minutes().abs() < 10, "{slot}");
    }
}
