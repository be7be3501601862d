//! What stops no daemon: a provider's numbers, a store that is away at the start, a kill in the middle of a single pass. And
//! what does: a state directory that is not its own.

use super::world::{QUICK, World, provider, until};
use crate::raw_server::{Act, play_each};
use crate::support::Home;
use crate::support::answers::{DONE, STOP, sound, stream, text};
use crate::support::peers::{Mongod, fresh_name};
use rusqlite::Connection;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// An answer that claims so many tokens.
fn claiming(tokens: u64) -> Vec<Act> {
    let usage = format!(
        "data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":5,\"completion_tokens\":{tokens},\"total_tokens\":{tokens}}}}}\n\n"
    );
    stream(&[&text("one"), &text(" two"), STOP, &usage, DONE])
}

#[test]
fn a_number_that_cannot_be_ends_nobody() {
    let (half, most) = (play_each(|| claiming(1 << 62)), play_each(|| claiming(u64::MAX)));
    let healthy = format!("alpha:{QUICK}");
    let configuration =
        format!("[daemon]\ncadence = 1\ntick = 1.0\n{}{}", provider("half", half), provider("most", most));
    let world = World::new(&[&healthy, "half:m", "most:m"], &configuration);
    // Once more, because a sum that cannot be would be found again by the next start.
    for _ in 0..2 {
        let daemon = world.start(&[]);
        let before = world.slots("alpha").len();
        until("every lane goes on", || {
            let calls = |name: &str| {
                daemon.lane(name).map_or(0, |lane| {
                    lane["succeeded"].as_u64().unwrap_or(0) + lane["failed"].as_u64().unwrap_or(0)
                })
            };
            let rows = [world.runs(), world.errors()].concat();
            let stored = |name: &str| rows.iter().filter(|row| row["provider"] == name).count() as u64;
            let aside = daemon.pulse().map_or(0, |pulse| pulse["outbox"]["quarantined"].as_u64().unwrap());
            calls("half").max(stored("half")) >= 3
                && calls("most").max(stored("most") + aside) >= 3
                && world.slots("alpha").len() >= before + 3
        });
        let (code, said) = daemon.stop();
        assert_eq!(code, 0, "{said}");
    }
}

fn waiting(world: &World) -> u64 {
    let pulse = fs::read_to_string(world.home.path().join("state/llmbench/pulse.json")).unwrap_or_default();
    let pulse: Value = serde_json::from_str(&pulse).unwrap_or_default();
    pulse["outbox"]["pending"].as_u64().unwrap_or_default()
}

#[test]
fn a_start_during_an_outage_measures_what_was_known_and_a_single_pass_ends() {
    let mut mongod = Mongod::start_private();
    let database = fresh_name();
    let model = format!("alpha:{QUICK}");
    let world = World::at(Home::new(), mongod.uri(&database), &[&model], "[daemon]\ncadence = 2\ntick = 1.0");
    mongod.kill();
    let output = world.command(&["--once", "--store-wait", "2s"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains("nothing was measured") && said.contains("waited for 2 s"), "{said}");
    assert!(world.home.path().join("state/llmbench/outbox/outbox.db").exists());

    mongod.restart();
    let output = world.command(&["--once"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    mongod.kill();
    let output = world.command(&["--once"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains("wait in the outbox, because"), "{said}");

    let daemon = world.logged(&[]);
    until("rows of what was known wait", || waiting(&world) >= 4);
    let error = daemon.pulse().unwrap()["store"]["error"].to_string();
    assert!(error.contains("; the catalog is the one of 2"), "{error}");
    assert!(daemon.said().contains("is measured (1 models)"), "{}", daemon.said());
    mongod.restart();
    until("they arrive", || waiting(&world) == 0);
    let (code, said) = daemon.stop();
    assert_eq!(code, 0, "{said}");
}

#[test]
fn what_a_killed_pass_held_is_taken_up_at_once() {
    let works = Arc::new(AtomicBool::new(false));
    let answers = Arc::clone(&works);
    let address = play_each(move || if answers.load(Ordering::SeqCst) { sound() } else { vec![Act::Hold] });
    let configuration = format!("[daemon]\ncadence = 86400\nspread = 0.0\n{}", provider("gamma", address));
    let world = World::new(&["gamma:m"], &configuration);
    let daemon = world.start(&["--once"]);
    until("the model is claimed", || {
        let store = Connection::open(world.home.path().join("runs.db")).unwrap();
        let running = "SELECT count(*) FROM jobs WHERE status = 'running'";
        store.query_row(running, [], |row| row.get::<_, i64>(0)).unwrap_or(0) == 1
    });
    daemon.kill();
    works.store(true, Ordering::SeqCst);
    let output = world.command(&["--once"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(world.runs().len(), 1, "{:?}", world.errors());
}

#[test]
fn a_state_directory_that_is_not_its_own_is_refused() {
    let world = World::new(&[], "");
    let state = world.home.path().join("state/llmbench");
    let refused = |expected: &[&str]| {
        let output = world.command(&["--once"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(expected.iter().all(|word| said.contains(word)), "{said}");
    };
    fs::create_dir_all(state.parent().unwrap()).unwrap();
    fs::write(&state, "a file").unwrap();
    refused(&["is a file and not a directory", "mv "]);
    fs::remove_file(&state).unwrap();

    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).unwrap();
    refused(&["others can write to", "mode 0777", "chmod go-w", state.to_str().unwrap()]);
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    // Only root can give something away.
    if chown(&state, Some(12_345), None).is_ok() {
        refused(&["owner 12345", "belongs to another user", "chown -R"]);
        chown(&state, Some(0), None).unwrap();
    }

    let precious = world.home.path().join("precious");
    fs::write(&precious, "kept").unwrap();
    fs::create_dir(state.join("outbox")).unwrap();
    for name in ["outbox.lock", "outbox.db"] {
        symlink(&precious, state.join("outbox").join(name)).unwrap();
        refused(&["cannot be opened", name]);
        fs::remove_file(state.join("outbox").join(name)).unwrap();
    }
    symlink(&precious, state.join("outbox/ballast")).unwrap();
    let output = world.command(&["--once"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_to_string(&precious).unwrap(), "kept");
}
