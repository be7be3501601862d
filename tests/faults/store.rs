//! A store that is absent when the daemon starts, that stands still, steps down, or refuses the login.

use super::oracle::RUNS;
use crate::daemon::world::{Daemon, QUICK, World, counted, slots, until};
use crate::runner::world::block_on;
use crate::support::documents::rows;
use crate::support::peers::{Mongod, fresh_name};
use crate::support::{Home, small_disk};
use mongodb::bson::{Document, doc};
use std::collections::BTreeSet;

const OFTEN: &str = "[daemon]\ncadence = 2\ntick = 1.0";

fn pending(daemon: &Daemon) -> u64 {
    daemon.pulse().and_then(|pulse| pulse["outbox"]["pending"].as_u64()).unwrap_or(0)
}

fn complains(daemon: &Daemon) -> bool {
    daemon.pulse().is_some_and(|pulse| pulse["store"]["error"].is_string())
}

fn each_slot_counts_once(mongod: &Mongod, database: &str) {
    let counted = counted(&rows(mongod, database, RUNS));
    assert_eq!(counted.len(), counted.iter().collect::<BTreeSet<_>>().len());
}

#[test]
fn a_store_that_is_absent_at_the_start_and_stands_still_later() {
    let (mut mongod, database) = (Mongod::start_private(), fresh_name());
    let model = format!("alpha:{QUICK}");
    let world = World::at(Home::new(), mongod.uri(&database), &[&model], OFTEN);
    mongod.kill();
    let daemon = world.start(&[]);
    until("it runs without its store, and says so", || complains(&daemon));
    mongod.restart();
    until("rows arrive", || !rows(&mongod, &database, RUNS).is_empty());
    mongod.freeze();
    until("rows wait while the store stands still", || pending(&daemon) >= 2 && complains(&daemon));
    let before = daemon.pulse().unwrap()["written_at"].clone();
    until("it lives on", || daemon.pulse().is_some_and(|pulse| pulse["written_at"] != before));
    mongod.thaw();
    let arrived = slots(&rows(&mongod, &database, RUNS), "alpha").len();
    until("they arrive, and more", || {
        pending(&daemon) == 0
            && !complains(&daemon)
            && slots(&rows(&mongod, &database, RUNS), "alpha").len() > arrived + 2
    });
    let (code, said) = daemon.stop();
    assert!(code == 0 && said.contains("does not answer, and rows wait in the outbox"), "{said}");
    each_slot_counts_once(&mongod, &database);
}

fn as_root(mongod: &Mongod, database: &str, command: Document) {
    let login = format!("root:secret@{}/{database}?directConnection=true&authSource=admin", mongod.address());
    run(&format!("mongodb://{login}"), database, command);
}

fn run(uri: &str, database: &str, command: Document) {
    block_on(async {
        let client = mongodb::Client::with_uri_str(uri).await.unwrap();
        client.database(database).run_command(command).await.unwrap();
    });
}

#[test]
fn a_primary_that_steps_down_loses_no_row() {
    let (mongod, database) = (Mongod::start_private(), fresh_name());
    let model = format!("alpha:{QUICK}");
    let world = World::at(Home::new(), mongod.uri(&database), &[&model], OFTEN);
    let daemon = world.start(&[]);
    until("rows arrive", || !rows(&mongod, &database, RUNS).is_empty());
    // Nobody else can be elected: for so long it takes no writes.
    let command = doc! { "replSetStepDown": 6, "secondaryCatchUpPeriodSecs": 1, "force": true };
    run(&mongod.uri("admin"), "admin", command);
    until("rows wait while nobody takes writes", || pending(&daemon) >= 1 && complains(&daemon));
    until("they arrive", || pending(&daemon) == 0 && !complains(&daemon));
    let arrived = slots(&rows(&mongod, &database, RUNS), "alpha").len();
    until("and more", || slots(&rows(&mongod, &database, RUNS), "alpha").len() > arrived + 1);
    let (code, said) = daemon.stop();
    assert!(code == 0 && said.contains(" 0 wait in the outbox"), "{said}");
    each_slot_counts_once(&mongod, &database);
}

/// A daemon whose user does not exist yet, and the command that makes him.
fn uninvited(mongod: &Mongod, database: &str) -> (World, Daemon, Document) {
    let address = mongod.address();
    let root = format!("mongodb://root:secret@{address}/{database}?directConnection=true&authSource=admin");
    let world = World::at(Home::new(), root, &[&format!("alpha:{QUICK}")], OFTEN);
    let uri = format!("mongodb://daemon:right@{address}/{database}?directConnection=true");
    let state = world.home.path().join("state/llmbench");
    let mut command = world.home.llmbench(&["daemon", "--store", &uri]);
    command.env("LLMBENCH_LISTEN", "none");
    let daemon = Daemon::start(command, state);
    (world, daemon, doc! { "createUser": "daemon", "pwd": "right", "roles": ["readWrite"] })
}

fn is_well(daemon: &Daemon) -> bool {
    let stored = daemon.lane("alpha").is_some_and(|lane| lane["stored_at"].is_string());
    stored && !complains(daemon)
}

#[test]
fn a_login_that_is_refused_at_the_start_and_mended() {
    let (mongod, database) = (Mongod::start_with_user("root", "secret"), fresh_name());
    let (_world, daemon, user) = uninvited(&mongod, &database);
    until("the refusal is said", || complains(&daemon));
    as_root(&mongod, &database, user);
    until("rows arrive", || is_well(&daemon));
    let (code, said) = daemon.stop();
    assert!(code == 0 && !said.contains("right@"), "{said}");
}

#[test]
fn a_login_that_is_taken_away_and_given_back() {
    let (mongod, database) = (Mongod::start_with_user("root", "secret"), fresh_name());
    let (_world, daemon, user) = uninvited(&mongod, &database);
    as_root(&mongod, &database, user.clone());
    until("rows arrive", || is_well(&daemon));
    as_root(&mongod, &database, doc! { "dropUser": "daemon" });
    until("rows wait while the login is refused", || pending(&daemon) >= 2 && complains(&daemon));
    as_root(&mongod, &database, user);
    until("they arrive", || pending(&daemon) == 0 && is_well(&daemon));
}

/// mount -t tmpfs -o size=600m none /mnt/small
/// LLMBENCH_TEST_SMALL_DISK=/mnt/small cargo test --test it faults::store -- --ignored
#[test]
#[ignore = "wants a small, empty disk of its own: see its comment"]
fn a_server_whose_disk_is_full_loses_no_row() {
    let disk = small_disk::asked();
    let (mut mongod, database) = (Mongod::start_in(&disk.join("mongod")), fresh_name());
    let model = format!("alpha:{QUICK}");
    let world = World::at(Home::new(), mongod.uri(&database), &[&model], OFTEN);
    let daemon = world.start(&[]);
    until("rows arrive", || !rows(&mongod, &database, RUNS).is_empty());
    small_disk::fill(&disk);
    // Sooner or later, with its next checkpoint, the server gives up.
    until("rows wait while it is full", || pending(&daemon) >= 2 && complains(&daemon));
    small_disk::free(&disk);
    mongod.restart();
    until("they arrive", || pending(&daemon) == 0 && !complains(&daemon));
    let (code, said) = daemon.stop();
    assert!(code == 0 && said.contains(" 0 wait in the outbox"), "{said}");
    each_slot_counts_once(&mongod, &database);
}
