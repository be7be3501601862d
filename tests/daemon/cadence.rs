//! One row a slot, whatever stops and starts.

use super::world::{Daemon, QUICK, World, counted, until};
use std::collections::BTreeSet;

#[test]
fn every_model_has_its_turn_in_each_slot_and_the_slot_names_the_row() {
    let models = [format!("alpha:{QUICK}"), "alpha:steady-ttft3-gap1-n5".to_owned(), format!("beta:{QUICK}")];
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let world = World::new(&models, "[daemon]\ncadence = 2\ntick = 1.0");
    let daemon = world.start(&[]);
    until("six slots of alpha and three of beta", || {
        world.slots("alpha").len() >= 6 && world.slots("beta").len() >= 3
    });
    let (code, said) = daemon.stop();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("measuring for sqlite:") && said.contains("0 wait in the outbox"), "{said}");
    let runs = world.runs();
    let counted = counted(&runs);
    assert_eq!(counted.len(), counted.iter().collect::<BTreeSet<_>>().len());
    for row in &runs {
        assert_eq!((row["vantage"].as_str(), row["attempt"].as_u64()), (Some("main"), Some(1)));
        assert!(row["daemon_owner"].as_str().unwrap().contains(':'), "{row:?}");
    }
}

#[test]
fn a_second_pass_in_the_same_slot_measures_nothing_again() {
    let model = format!("alpha:{QUICK}");
    let world = World::new(&[&model], "[daemon]\ncadence = 86400");
    let mut sizes = Vec::new();
    for _ in 0..3 {
        let (code, said) = world.start(&["--once"]).end();
        assert_eq!(code, 0, "{said}");
        let counted = counted(&world.runs());
        assert_eq!(counted.len(), counted.iter().collect::<BTreeSet<_>>().len());
        sizes.push(counted.len());
    }
    // A spoilt sample is tried again, and midnight may pass; but never two rows for one slot.
    assert!(sizes.last().unwrap() <= &2, "{sizes:?}");
}

/// A daemon in the middle of its one measurement.
fn measuring(world: &World) -> Daemon {
    let daemon = world.start(&[]);
    until("the measurement runs", || daemon.lane("alpha").is_some_and(|lane| lane["running"] == 1));
    daemon
}

#[test]
fn a_signal_lets_a_measurement_end_and_its_row_is_stored() {
    let world = World::new(&["alpha:steady-ttft9000-gap1-n4"], "[daemon]\ncadence = 86400");
    let daemon = measuring(&world);
    let (code, said) = daemon.stop();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("stopped: 1 measured (0 failed), 0 given up"), "{said}");
    assert_eq!(world.runs().len(), 1);
}

#[test]
fn a_killed_process_leaves_a_row_that_says_so() {
    let world = World::new(&["alpha:steady-ttft30000-gap1-n4"], "[daemon]\ncadence = 86400");
    let daemon = measuring(&world);
    daemon.kill();
    let next = world.start(&["--grace", "1s"]);
    until("the interrupted call is told", || {
        world.errors().iter().any(|row| row["error_kind"] == "interrupted")
    });
    let (code, said) = next.stop();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1 measurements of the process before were interrupted"), "{said}");
}

#[test]
fn the_slot_of_a_killed_process_is_taken_up_by_the_next_at_once() {
    // Longer than from one pulse to the next, so that a busy machine shows it, too.
    let world = World::new(&["alpha:steady-ttft9000-gap1-n4"], "[daemon]\ncadence = 86400\ndeadline = 600.0");
    let daemon = measuring(&world);
    daemon.kill();
    let next = world.start(&[]);
    // Long before the lease of the one that is dead runs out.
    until("the slot is measured", || !world.runs().is_empty());
    assert_eq!(next.stop().0, 0);
    let (runs, errors) = (world.runs(), world.errors());
    assert_eq!((errors.len(), &errors[0]["error_kind"]), (1, &"interrupted".into()));
    for stamp in ["slot_at", "daemon_owner"] {
        assert_eq!(runs[0][stamp], errors[0][stamp], "{stamp}");
    }
}

#[test]
fn slots_are_of_utc_wherever_the_machine_is() {
    let world = World::new(&[&format!("alpha:{QUICK}")], "[daemon]\ncadence = 86400");
    let mut command = world.command(&["--once"]);
    // A day whose clock was set back, of a zone that is behind: neither is the slot's business.
    command.env("TZ", "America/New_York");
    assert!(command.output().unwrap().status.success());
    let slots = world.slots("alpha");
    assert!(!slots.is_empty() && slots.iter().all(|(_, slot)| slot.ends_with("T00:00:00Z")), "{slots:?}");
}

#[test]
fn a_dry_run_shows_what_is_due_and_calls_nobody() {
    let model = format!("alpha:{QUICK}");
    let world = World::new(&[&model], "");
    let output = world.command(&["--dry-run"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains(&model) && said.ends_with("1 of 1 due now\n"), "{said}");
    let new = format!("beta:{QUICK}");
    world.said(&["models", "add", &new, "--no-probe", "--yes"]);
    let said = String::from_utf8(world.command(&["--dry-run", "--json"]).output().unwrap().stdout).unwrap();
    let document: serde_json::Value = serde_json::from_str(&said).unwrap();
    let rows = document["rows"].as_array().unwrap();
    let told: Vec<_> =
        rows.iter().map(|row| (row["provider"].as_str().unwrap(), row["why"].as_str().unwrap())).collect();
    assert!(told.contains(&("alpha", "cadence")) && told.contains(&("beta", "admission")), "{document}");
    assert_eq!((&document["schema"], &document["due"]), (&"llmbench.daemon/1".into(), &2.into()));
    assert_eq!((world.runs().len(), world.errors().len()), (0, 0));
}
