//! `status --check` and `/readyz` of one daemon: they say the same, also of what is not known, and why a daemon ended is
//! found by whoever asks after it.

use super::told::{address, get};
use super::world::{Daemon, QUICK, World, until};
use serde_json::Value;
use std::process::Output;

const OFTEN: &str = "[daemon]\ncadence = 1\ntick = 1.0";

fn check(world: &World) -> Value {
    let Output { stdout, .. } = world.home.llmbench(&["status", "--check", "--json"]).output().unwrap();
    serde_json::from_slice(&stdout).unwrap()
}

/// The sentences of what is wrong, as `status --check` or `/readyz` tells them.
fn sentences(document: &Value) -> Vec<String> {
    let troubles = document["troubles"].as_array().unwrap();
    troubles.iter().map(|one| one["sentence"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_store_that_is_away_at_the_start_is_told_alike_by_both() {
    let world = World::new(&[&format!("alpha:{QUICK}")], OFTEN);
    // Nobody listens there.
    let away = "mongodb://127.0.0.1:1/none?directConnection=true";
    let command = world.home.llmbench(&["daemon", "--store", away, "--listen", "127.0.0.1:0"]);
    let daemon = Daemon::logged(command, world.home.path().join("state/llmbench"));
    let address = address(&daemon);
    until("both say what is wrong", || {
        let (head, body) = get(&address, "/readyz");
        let (ready, checked): (Value, Value) = (serde_json::from_str(&body).unwrap(), check(&world));
        assert!(head.contains("503") && ready["ready"] == false, "{ready}");
        // The first pulse is written a moment after the first probe is answered, and the words of a driver change.
        let Some(why) = ready["reason"].as_str().filter(|why| why.contains("does not work")) else {
            return false;
        };
        assert!(why.starts_with("the catalog was not read yet"), "{why}");
        checked["healthy"] == false && sentences(&ready) == sentences(&checked)
    });
    let (code, _) = daemon.stop();
    assert_eq!(code, 0);
}

#[test]
fn why_a_daemon_ended_is_found_and_what_is_not_known_is_not_guessed() {
    let world = World::new(&[&format!("alpha:{QUICK}")], OFTEN);
    let daemon = world.start(&[]);
    until("rows arrive", || !world.slots("alpha").is_empty());
    assert_eq!(check(&world)["healthy"], true);
    daemon.kill();
    let killed = check(&world);
    assert!(sentences(&killed)[0].contains("left no word why"), "{killed}");
    let daemon = world.start(&[]);
    until("the next one is well", || check(&world)["healthy"] == true);
    let (code, said) = daemon.stop();
    assert_eq!(code, 0, "{said}");
    let stopped = check(&world);
    assert!(sentences(&stopped)[0].contains("stopped on purpose"), "{stopped}");
    // A start that fails is the newest thing to be known.
    let output = world
        .command(&["--listen", "192.0.2.1:9", "--plain-http"])
        .env_remove("LLMBENCH_LISTEN")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let failed = check(&world);
    assert!(sentences(&failed)[0].contains("probes cannot be answered at 192.0.2.1:9"), "{failed}");
}
