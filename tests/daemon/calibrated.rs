//! A daemon calibrates its host when the newest calibration is a day old, keeps measurements apart from it, and stores what
//! a store has not seen.

use super::told::{address, get, lines};
use super::world::{Daemon, QUICK, World, until};
use crate::stores::backend::Backend;
use crate::support::Home;
use crate::support::ran::ran;
use crate::support::samples::calibration;
use chrono::{DateTime, TimeDelta, Utc};
use llmbench::storage::{self, CollectionNames, StoreLocation};
use serde_json::{Value, json};
use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::process::Command;

/// One measurement at the start, and then quiet.
const ONCE: &str = "[daemon]\ncadence = 3600\ntick = 0.5";

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn kept(world: &World) -> PathBuf {
    world.home.path().join("state/llmbench/calibration.json")
}

/// Leaves a calibration of so many hours ago.
fn calibrated(world: &World, id: &str, hours: i64, may_publish: bool) {
    let made = calibration(id, "this-one", Utc::now() - TimeDelta::hours(hours), may_publish);
    fs::create_dir_all(kept(world).parent().unwrap()).unwrap();
    fs::write(kept(world), Value::Object(made.document).to_string()).unwrap();
}

fn newest(world: &World) -> Value {
    serde_json::from_str(&fs::read_to_string(kept(world)).unwrap()).unwrap()
}

/// Ids of a host's calibrations in the store.
fn stored(world: &World, host: &str) -> Vec<String> {
    wait(async {
        let location = StoreLocation::parse(world.url()).unwrap();
        let store = storage::open(&location, &CollectionNames::default(), &[]).await.unwrap();
        store.calibrations(host, 9).await.unwrap().into_iter().map(|kept| kept.id).collect()
    })
}

/// What the log says of a calibration: its id.
fn said(daemon: &Daemon, message: &str) -> Option<Value> {
    let said = daemon.said();
    let whole = said.rsplit_once('\n').map(|(whole, _)| whole).unwrap_or_default();
    lines(whole)
        .into_iter()
        .find(|line| line["message"].as_str().is_some_and(|text| text.starts_with(message)))
}

#[test]
fn a_calibration_that_is_a_day_old_is_replaced_and_both_are_in_the_store() {
    let mongo = wait(Backend::mongo());
    for backend in [Backend::sqlite(), mongo] {
        let world = World::at(Home::new(), backend.url(), &[&format!("alpha:{QUICK}")], ONCE);
        calibrated(&world, "01A", 25, true);
        let mut command = world.command(&["--listen", "127.0.0.1:0"]);
        command.env_remove("LLMBENCH_LISTEN");
        let daemon = Daemon::logged(command, kept(&world).parent().unwrap().to_owned());
        until("it has calibrated", || said(&daemon, "calibrated").is_some());
        let told = said(&daemon, "calibrated").unwrap();
        let made = newest(&world);
        assert_eq!(told["id"], made["id"]);
        assert!(
            made["cells"].as_array().unwrap().iter().all(|cell| cell["busy"] == false),
            "the short one: {made}"
        );
        let at: DateTime<Utc> = made["at"].as_str().unwrap().parse().unwrap();
        assert!(Utc::now() - at < TimeDelta::hours(1), "{made}");
        let pulse = || daemon.pulse().unwrap_or_default();
        until("the pulse tells it", || pulse()["calibration"]["newest"]["id"] == made["id"]);
        assert_eq!(made["runner"], pulse()["owner"]);
        let address = address(&daemon);
        let page = get(&address, "/metrics").1;
        let may = u8::from(made["may_publish"] == true);
        assert!(page.contains(&format!("llmbench_calibration_may_publish {may}\n")), "{page}");
        assert!(page.contains("llmbench_calibration_ttft_error_seconds{statistic=\"mean\"} "), "{page}");
        let (host, id) = (made["host"].as_str().unwrap(), made["id"].as_str().unwrap());
        until("the store has it", || stored(&world, host) == [id]);
        assert_eq!(stored(&world, "this-one"), ["01A"], "the one before was only in the file");
        let waiting = || fs::read_dir(kept(&world).with_file_name("calibrations")).unwrap().count();
        until("nothing waits for the store any more", || waiting() == 0);
        let (code, log) = daemon.stop();
        assert_eq!(code, 0, "{log}");
        let status = world.other(&["status", "--json"]);
        let status: Value = serde_json::from_slice(&status.stdout).unwrap();
        assert_eq!(status["calibrations"]["here"]["id"], made["id"], "{status}");
    }
}

#[test]
fn a_young_one_stays_and_is_stored_and_never_means_never() {
    for (configuration, hours) in [("", 23), ("calibrate = 'never'", 500)] {
        let world = World::new(&[&format!("alpha:{QUICK}")], &format!("{ONCE}\n{configuration}"));
        calibrated(&world, "01A", hours, false);
        let daemon = world.logged(&[]);
        until("the store has it", || stored(&world, "this-one") == ["01A"]);
        let pulse = || daemon.pulse().unwrap_or_default();
        until("the pulse tells it", || pulse()["calibration"]["newest"]["id"] == "01A");
        assert_eq!(pulse()["calibration"]["daily"], json!(hours == 23));
        let checked = ran(&mut world.home.llmbench(&["status", "--check"]));
        assert!(checked.out.contains("degraded: this-one: This host should not publish"), "{checked:?}");
        assert_eq!(daemon.stop().0, 0);
        assert_eq!(newest(&world)["id"], "01A");
    }
}

/// The program of a running daemon was taken away, so it cannot start a simulator: as in a sandbox without processes.
#[test]
fn a_daemon_that_cannot_calibrate_says_so_and_measures_on() {
    let world = World::new(&[&format!("alpha:{QUICK}")], "[daemon]\ncadence = 40\ntick = 0.5");
    calibrated(&world, "01A", 80, true);
    let program = world.home.path().join("llmbench");
    let original = env!("CARGO_BIN_EXE_llmbench");
    // On another file system there is no link.
    fs::hard_link(original, &program).or_else(|_| fs::copy(original, &program).map(drop)).unwrap();
    let like = world.command(&[]);
    let mut command = Command::new(&program);
    command.args(like.get_args()).env_clear().current_dir(world.home.path());
    command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let daemon = Daemon::logged(command, kept(&world).parent().unwrap().to_owned());
    // It runs: what starts a process waits until it does.
    fs::remove_file(&program).unwrap();
    until("it says that it cannot", || said(&daemon, "this host could not be calibrated").is_some());
    let told = said(&daemon, "this host could not be calibrated").unwrap();
    assert!(told["why"].as_str().unwrap().contains("the simulator does not start"), "{told}");
    assert_eq!(told["again_seconds"], json!(3600.0));
    let before = world.runs().len();
    until("it measures on", || world.runs().len() > before);
    let pulse = || daemon.pulse().unwrap_or_default();
    until("the pulse says why", || pulse()["calibration"]["failure"].is_string());
    let checked = ran(&mut world.home.llmbench(&["status", "--check"]));
    let said = "degraded: the newest calibration of this host is 3 d old: cannot calibrate: the simulator does not start";
    assert!(checked.code == 0 && checked.out.contains(said), "{checked:?}");
    assert_eq!(newest(&world)["id"], "01A");
    assert_eq!(daemon.stop().0, 0);
}

/// The processes that a process has started and that run.
fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

#[test]
fn a_daemon_that_is_stopped_ends_its_calibration_and_keeps_the_one_before_or_a_whole_one() {
    let world = World::new(&[&format!("alpha:{QUICK}")], ONCE);
    calibrated(&world, "01A", 25, true);
    let daemon = world.logged(&[]);
    let pid = daemon.child.id();
    let mut simulator = None;
    until("it calibrates", || {
        simulator = children(pid).pop();
        simulator.is_some()
    });
    let (code, log) = daemon.stop();
    assert_eq!(code, 0, "{log}");
    assert!(!log.contains("could not be calibrated"), "{log}");
    let stat = format!("/proc/{}/stat", simulator.unwrap());
    // Where nobody collects orphans, an ended one stays as a zombie.
    until("the simulator has ended with it", || {
        fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "))
    });
    assert!(newest(&world)["id"].is_string());
}
