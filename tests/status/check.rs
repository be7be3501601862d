//! `status --check`: yes or no, from the pulse of this machine or from the store, and never yes where nobody could look.

use super::world::{World, ago, pulse, worlds};
use crate::support::Home;
use llmbench::daemon::status_file::StatusFileWriter;
use llmbench::domain::daemon_status::{DaemonStatus, LaneActivity};
use serde_json::{Value, json};

/// The status, and what was said.
fn checked(world: &World, change: impl FnOnce(&mut DaemonStatus)) -> (i32, String) {
    let mut changed = pulse();
    change(&mut changed);
    world.pulse(&changed);
    let told = world.ask(&["--check"]);
    assert_eq!(told.err, "");
    (told.code, told.out)
}

#[tokio::test]
async fn a_pulse_alone_is_judged_and_the_store_is_not_asked() {
    // The store knows no enabled model, which would be an alarm.
    for world in worlds().await {
        assert_eq!(checked(&world, |_| ()), (0, String::new()));
        let (code, said) = checked(&world, |pulse| pulse.written_at = ago(9));
        assert_eq!(code, 3);
        let heading = "TROUBLESHOOTING.md, \"The daemon is silent\"";
        assert!(
            said.starts_with("unhealthy: the daemon has said nothing for 9 min (") && said.contains(heading),
            "{said}"
        );
        let (code, said) = checked(&world, |pulse| pulse.boot_id = "another".to_owned());
        assert_eq!((code, said.contains("the machine was started again")), (3, true), "{said}");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let (code, said) = checked(&world, |pulse| (pulse.pid, pulse.written_at) = (child.id(), ago(9)));
        assert_eq!((code, said.lines().count(), said.contains("is gone")), (3, 1, true), "{said}");
        let (code, said) = checked(&world, |pulse| {
            let lane = &mut pulse.lanes[0];
            (lane.due, lane.due_at) = (4, Some(ago(40)));
            (lane.started_at, lane.finished_at) = (Some(ago(31)), Some(ago(30)));
        });
        assert_eq!(
            (code, said.contains("groq: no measurement has ended for 30 min (due: 4)")),
            (3, true),
            "{said}"
        );
        // Degraded is told, and is no reason to start a container afresh.
        let (code, said) =
            checked(&world, |pulse| pulse.store.error = Some("refused\nby\u{1b}[1m peer".to_owned()));
        assert_eq!(code, 0, "{said}");
        assert!(
            said.starts_with("degraded: the store x does not work: refused by\\u{1b}[1m peer ("),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1);
    }
}

#[tokio::test]
async fn a_file_that_says_nothing_is_not_fine() {
    let [world, _] = worlds().await;
    world.enable("groq:a").await;
    world.succeed("groq:a", 1).await;
    assert_eq!(world.ask(&["--check"]).code, 0);
    std::fs::create_dir_all(world.state_dir()).unwrap();
    for (content, said) in [
        ("", "is no pulse"),
        ("{\"format\": 1}", "is no pulse"),
        ("{\"format\": 99, \"more\": true}", "has format 99, and this program knows 1"),
        ("\u{1b}[2J", "is no pulse"),
    ] {
        std::fs::write(world.state_dir().join("pulse.json"), content).unwrap();
        let told = world.ask(&["--check"]);
        assert_eq!((told.code, told.out.contains(said)), (3, true), "{told:?}");
        assert!(told.out.contains("\"Nothing can be known\"") && !told.out.contains('\u{1b}'), "{told:?}");
        assert_eq!(world.causes(&[]), ["unhealthy could_not_look daemon"]);
    }
}

#[tokio::test]
async fn without_a_pulse_the_store_is_judged() {
    for world in worlds().await {
        let empty = world.ask(&["--check"]);
        assert_eq!((empty.code, empty.out.contains("no model is enabled")), (3, true), "{empty:?}");
        world.enable("groq:a").await;
        let never = world.ask(&["--check"]);
        assert_eq!(
            (never.code, never.out.contains("none of 1 enabled models is measured in time")),
            (3, true)
        );
        world.succeed("groq:a", 1).await;
        let well = world.ask(&["--check"]);
        assert_eq!((well.code, well.out.as_str()), (0, ""), "{well:?}");
        world.enable("groq:b").await;
        let part = world.ask(&["--check"]);
        assert_eq!((part.code, part.out.starts_with("degraded: groq: 1 of 2")), (0, true), "{part:?}");
        world.heartbeat("worker:groq:0", 30, json!({})).await;
        let silent = world.ask(&["--check", "--json"]);
        let document: Value = serde_json::from_str(&silent.out).unwrap();
        assert_eq!((silent.code, &document["healthy"]), (3, &json!(false)));
        assert_eq!(document["troubles"][0]["heading"], "The daemon is silent");
    }
}

#[test]
fn whoever_could_not_look_says_so() {
    let home = Home::new();
    for store in
        ["sqlite:/nowhere/x.db", "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=300", "nonsense://x"]
    {
        let told = home.ran(&["status", "--check", "--store", store]);
        assert_eq!(told.code, 3, "{told:?}");
        assert!(
            told.out.starts_with("unhealthy: no daemon's pulse is here, and the store could not be asked: "),
            "{told:?}"
        );
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "a check leaves nothing behind");
}

#[tokio::test]
async fn the_state_directory_is_named_by_flag_or_variable() {
    let [world, _] = worlds().await;
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    StatusFileWriter::new(here.path()).write(&pulse()).unwrap();
    let stalled = |pulse: &mut DaemonStatus| pulse.lanes[0].state = LaneActivity::Stalled;
    let mut broken = pulse();
    stalled(&mut broken);
    StatusFileWriter::new(there.path()).write(&broken).unwrap();
    let mut command = world.home.llmbench(&["status", "--check"]);
    command.env("LLMBENCH_STATE_DIR", there.path());
    assert_eq!(command.output().unwrap().status.code(), Some(3));
    command.arg("--state-dir").arg(here.path());
    assert_eq!(command.output().unwrap().status.code(), Some(0));
}
