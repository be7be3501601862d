//! `errors tail` against a store that another writer fills meanwhile.

use super::world::{World, broken, worlds};
use crate::support::samples::failed;
use chrono::{SubsecRound, TimeDelta, Utc};
use llmbench::domain::{FailureKind, FailureStage};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

fn follow(world: &World, more: &[&str]) -> (Child, std::io::Lines<BufReader<std::process::ChildStdout>>) {
    let mut command = world.home.llmbench(&["errors", "tail", "--store", &world.backend.url()]);
    let mut child = command.args(more).env("TZ", "UTC").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id()).unwrap();
    #[allow(unsafe_code, reason = "kill(2) on a child of this test")]
    unsafe {
        libc::kill(pid, libc::SIGINT);
    }
}

#[tokio::test]
async fn new_errors_appear_once_whatever_their_dates_and_ctrl_c_is_no_failure() {
    for world in worlds().await {
        let (mut child, mut lines) = follow(&world, &["-n", "2", "--json"]);
        let mut next = || {
            let line: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            line["_id"].as_str().unwrap().to_owned()
        };
        assert_eq!([next(), next()], ["e6", "late"]);
        // Late by a minute, dated an hour ahead, and now: each is new exactly once.
        for (id, seconds) in [("new-1", -60), ("new-2", 3600), ("new-3", 0)] {
            let mut failure =
                broken(id, "groq:llama", 0, FailureKind::Network, FailureStage::Connect, "reset");
            failure.ts = Utc::now().trunc_subsecs(3) + TimeDelta::seconds(seconds);
            world.store.record(&failed(&failure)).await.unwrap();
            assert_eq!(next(), id);
        }
        interrupt(&child);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert!(lines.next().is_none());
    }
}

#[tokio::test]
async fn lines_are_for_people_and_a_reader_that_leaves_is_no_failure() {
    let [world, _] = worlds().await;
    let (mut child, mut lines) = follow(&world, &["--provider", "groq", "-n", "1"]);
    let line = lines.next().unwrap().unwrap();
    assert_eq!(line, "2026-08-01 10:45:00  groq:gone  timeout in request  no first byte within 60 s");
    drop(lines);
    let mut failure = broken("new", "groq:llama", 0, FailureKind::Network, FailureStage::Connect, "reset");
    failure.ts = Utc::now().trunc_subsecs(3);
    world.store.record(&failed(&failure)).await.unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
