//! Several daemons on one catalog, and a store that is away.

use super::world::{Daemon, QUICK, World, counted, slots, until};
use crate::support::Home;
use crate::support::documents::rows;
use crate::support::peers::{Mongod, fresh_name};
use std::collections::BTreeSet;

const RUNS: &[&str] = &["metrics_cloud_v2", "metrics_cloud_probe"];

#[test]
fn two_daemons_count_each_slot_once() {
    let (mongod, database) = (Mongod::start(), fresh_name());
    let models: Vec<String> = (2..6).map(|n| format!("alpha:steady-ttft2-gap1-n{n}")).collect();
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let world = World::at(
        Home::new(),
        mongod.uri(&database),
        &models,
        "[daemon]\ncadence = 3\ntick = 1.0\nspread = 0.3",
    );
    let daemons: Vec<Daemon> = ["one", "two"]
        .map(|name| {
            let state = world.home.path().join(name);
            let arguments = ["--state-dir", state.to_str().unwrap()];
            Daemon::start(world.command(&arguments), state.clone())
        })
        .into();
    let seen = || rows(mongod, &database, RUNS);
    until("each model was measured in three slots", || slots(&seen(), "alpha").len() >= 12);
    let heartbeats = || rows(mongod, &database, &["bench_scheduler_heartbeats"]);
    let component = |heartbeat: &serde_json::Map<String, serde_json::Value>| {
        heartbeat["component"].as_str().unwrap().to_owned()
    };
    until("lanes are heard of", || {
        heartbeats().iter().any(|heartbeat| component(heartbeat) == "worker:alpha:main")
    });
    for daemon in daemons {
        let (code, said) = daemon.stop();
        assert!(code == 0 && said.contains("0 wait in the outbox"), "{said}");
    }
    let runs = seen();
    let counted = counted(&runs);
    assert_eq!(counted.len(), counted.iter().collect::<BTreeSet<_>>().len());
    // Nobody measured a slot that somebody else had: rows beyond the counted ones are spoilt samples.
    let extra = runs.iter().filter(|row| row["suspect"] == false).count() - counted.len();
    assert_eq!(extra, 0, "{runs:?}");
    let daemons =
        heartbeats().iter().filter(|heartbeat| component(heartbeat).starts_with("daemon:main:")).count();
    assert_eq!(daemons, 2);
}

#[test]
fn one_of_two_daemons_checks_the_data_and_both_tell() {
    let (mongod, database) = (Mongod::start(), fresh_name());
    let model = format!("alpha:{QUICK}");
    let world = World::at(Home::new(), mongod.uri(&database), &[&model], "[daemon]\ncadence = 2\ntick = 0.2");
    let daemons = ["one", "two"].map(|name| {
        let state = world.home.path().join(name);
        let arguments = ["--state-dir", state.to_str().unwrap(), "--log-level", "debug"];
        Daemon::logged(world.command(&arguments), state.clone())
    });
    let checks = || rows(mongod, &database, &["bench_check_runs"]).len();
    until("the data is checked", || checks() > 0);
    let chores = || {
        let heartbeats = rows(mongod, &database, &["bench_scheduler_heartbeats"]);
        heartbeats.iter().filter(|heartbeat| heartbeat["component"] == "chore:self_checks").count()
    };
    assert_eq!(chores(), 1);
    for daemon in daemons {
        assert_eq!(daemon.stop().0, 0);
    }
    assert_eq!(checks(), 1);
}

#[test]
fn a_store_that_is_away_is_waited_for() {
    let mut mongod = Mongod::start_private();
    let database = fresh_name();
    let model = format!("alpha:{QUICK}");
    let world = World::at(Home::new(), mongod.uri(&database), &[&model], "[daemon]\ncadence = 2\ntick = 1.0");
    let daemon = world.start(&[]);
    until("rows arrive", || !rows(&mongod, &database, RUNS).is_empty());
    mongod.kill();
    let pending = || {
        let text = std::fs::read_to_string(world.home.path().join("state/llmbench/pulse.json")).unwrap();
        let pulse: serde_json::Value = serde_json::from_str(&text).unwrap();
        pulse["outbox"]["pending"].as_u64().unwrap()
    };
    until("rows wait while the store is away", || pending() >= 2);
    mongod.restart();
    until("they arrive", || pending() == 0 && slots(&rows(&mongod, &database, RUNS), "alpha").len() >= 3);
    let (code, said) = daemon.stop();
    assert_eq!(code, 0, "{said}");
    let counted = counted(&rows(&mongod, &database, RUNS));
    assert_eq!(counted.len(), counted.iter().collect::<BTreeSet<_>>().len());
}
