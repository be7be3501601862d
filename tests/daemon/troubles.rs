//! What a provider's trouble does to itself, and what it does to others: nothing.

use super::world::{QUICK, World, provider, refusing, until};
use crate::raw_server::{Act, STREAM_HEAD, chunk, play, send};
use crate::support::answers::{CANARY, sound};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

#[test]
fn providers_that_hang_or_flood_change_nothing_for_others() {
    let hang = play(vec![Act::Hold]);
    let endless = std::iter::repeat_n(chunk(vec![b'x'; 64 * 1024]), 200);
    let flood = play(std::iter::once(send(STREAM_HEAD)).chain(endless).collect());
    let healthy = format!("alpha:{QUICK}");
    let configuration = format!(
        "[daemon]\ncadence = 2\ntick = 1.0\ndeadline = 3.0\n{}{}",
        provider("hang", hang),
        provider("flood", flood)
    );
    let world = World::new(&[&healthy, "hang:m", "flood:m"], &configuration);
    let daemon = world.start(&["--grace", "1s"]);
    until("the healthy provider keeps its cadence and the others fail", || {
        let failed = |name: &str| world.errors().iter().any(|row| row["provider"] == name);
        world.slots("alpha").len() >= 4 && failed("hang") && failed("flood")
    });
    assert_eq!(daemon.stop().0, 0);
    let slots: Vec<_> = world.slots("alpha").into_iter().map(|(_, slot)| slot).collect();
    let seconds = |text: &String| text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp();
    let longest = slots.windows(2).map(|pair| seconds(&pair[1]) - seconds(&pair[0])).max().unwrap();
    // A busy machine may cost a slot; a lane that waits for another would cost all of them.
    assert!(longest <= 20, "{slots:?}");
}

#[test]
fn a_lane_with_a_bad_key_says_so_and_recovers_alone() {
    let works = Arc::new(AtomicBool::new(false));
    let refusal = r#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#;
    let address = refusing(&works, "401 Unauthorized", refusal);
    let configuration = format!(
        "[daemon]\ncadence = 3600\ntick = 1.0\nrecheck = 1.0\n{}key_env = 'GAMMA_KEY'\n",
        provider("gamma", address)
    );
    let healthy = format!("alpha:{QUICK}");
    let world = World::new(&["gamma:m", &healthy], &configuration);
    let mut command = world.command(&[]);
    command.env("GAMMA_KEY", CANARY);
    let daemon = super::world::Daemon::start(command, world.home.path().join("state/llmbench"));
    until("the lane is held", || {
        daemon.lane("gamma").is_some_and(|lane| {
            lane["state"] == "held" && lane["reason"].as_str().unwrap().starts_with("the key is refused")
        })
    });
    until("the others go on", || !world.slots("alpha").is_empty());
    works.store(true, Ordering::SeqCst);
    until("it recovers", || !world.slots("gamma").is_empty());
    let (code, said) = daemon.stop();
    assert!(code == 0 && !said.contains(CANARY), "{said}");
    assert!(world.errors().iter().all(|row| row["error_kind"] == "auth"), "{:?}", world.errors());
}

#[test]
fn a_missing_key_holds_its_lane_and_names_the_variable() {
    let healthy = format!("alpha:{QUICK}");
    let world = World::new(&["groq:m", &healthy], "[daemon]\ncadence = 3600\ntick = 1.0");
    let daemon = world.start(&[]);
    until("the lane is held", || {
        daemon.lane("groq").is_some_and(|lane| lane["reason"].to_string().contains("GROQ_API_KEY"))
    });
    until("the others go on", || !world.slots("alpha").is_empty());
    assert_eq!(daemon.stop().0, 0);
}

#[test]
fn a_budget_ends_the_day() {
    let models: Vec<String> = (2..8).map(|n| format!("alpha:steady-ttft2-gap1-n{n}")).collect();
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let configuration = "[daemon]\ncadence = 1\ntick = 1.0\n[daemon.providers.alpha]\nruns_per_day = 9";
    let world = World::new(&models, configuration);
    let daemon = world.start(&[]);
    until("the budget is used up", || {
        daemon.lane("alpha").is_some_and(|lane| {
            lane["reason"] == "the day's budget of runs is used up" && lane["budget"]["runs_left"] == 0
        })
    });
    let said = world.said(&["status", "--wide"]);
    assert!(said.contains("9 of 9 runs"), "{said}");
    let told: serde_json::Value = serde_json::from_slice(&world.other(&["status", "--json"]).stdout).unwrap();
    let providers = told["providers"].as_array().unwrap();
    let alpha = providers.iter().find(|provider| provider["provider"] == "alpha").unwrap();
    let budget = &alpha["budget_today"][0];
    assert_eq!(
        (&budget["unit"], &budget["limit"], &budget["spent"]),
        (&"runs".into(), &9.0.into(), &9.0.into())
    );
    assert_eq!(daemon.stop().0, 0);
    // Midnight may pass once.
    let rows = world.runs().len() + world.errors().len();
    assert!((9..=18).contains(&rows), "{rows}");
}

#[test]
fn what_cannot_work_is_said_at_once() {
    let world = World::new(&[], "");
    for (arguments, expected) in [
        (&["--providers", "grok"][..], "unknown provider `grok`: did you mean groq?"),
        (&["--vantage", "a b"][..], "vantage (flag --vantage)"),
        (&["--once", "--dry-run"][..], "cannot be used with"),
    ] {
        let output = world.command(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(expected), "{said}");
    }
    let mut command = world.command(&[]);
    let output = command.env("FRESH_MINUTES", "soon").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("environment variable FRESH_MINUTES"), "{said}");
    let first = world.start(&[]);
    until("the first daemon runs", || world.home.path().join("state/llmbench/pulse.json").exists());
    let second = world.command(&[]).output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    let expected = format!("a daemon runs here already, pid {}: ", first.child.id());
    assert!(second.status.code() == Some(2) && said.contains(&expected), "{said}");
    let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((&last["level"], &last["exit_status"]), (&json!("error"), &json!(2)), "{last}");
    assert!(last["hint"].as_str().unwrap().contains("TROUBLESHOOTING.md"), "{last}");
    assert_eq!(first.stop().0, 0);
}

#[test]
fn a_start_waits_for_a_process_that_was_killed() {
    // Killed within a call, the first leaves a claim that stands for as long as a call may take.
    let world = World::new(&[&format!("alpha:{QUICK}")], "[daemon]\ncadence = 1\ntick = 1.0\ndeadline = 5.0");
    let first = world.start(&[]);
    until("the first daemon runs", || !world.slots("alpha").is_empty());
    let next = world.start(&[]);
    // Long enough for the second to find the outbox open, and shorter than it waits.
    thread::sleep(Duration::from_millis(700));
    first.kill();
    let pid = next.child.id();
    until("the second has taken over", || next.pulse().is_some_and(|pulse| pulse["pid"] == pid));
    let before = world.slots("alpha").len();
    until("it measures", || world.slots("alpha").len() > before);
    assert_eq!(next.stop().0, 0);
}

#[test]
fn errors_before_the_first_line_are_lines_where_lines_are_for_programs() {
    let world = World::new(&[], "[daemon]\ncadence = 'often'");
    let said = |arguments: &[&str]| {
        let output = world.command(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let line: Value = serde_json::from_str(&said(&[])).unwrap();
    assert_eq!(line["level"], "error");
    assert!(line["message"].as_str().unwrap().contains("config.toml:2: "), "{line}");
    assert!(said(&["--log-format", "text"]).starts_with("error: "));
}

#[test]
fn a_lane_waits_before_it_is_refused() {
    let limits = "HTTP/1.1 200 OK\r\nx-ratelimit-limit-requests: 500\r\nx-ratelimit-remaining-requests: 0\r\n\
        x-ratelimit-reset-requests: 9m30s\r\n";
    let mut acts = sound();
    acts[0] = send(STREAM_HEAD.replacen("HTTP/1.1 200 OK\r\n", limits, 1));
    let address = play(acts);
    let configuration = format!("[daemon]\ncadence = 1\ntick = 1.0\n{}", provider("gamma", address));
    let world = World::new(&["gamma:m"], &configuration);
    let daemon = world.start(&[]);
    until("the lane is held, and says why", || {
        let reason = |lane: Value| lane["reason"].as_str().unwrap_or_default().to_owned();
        daemon
            .lane("gamma")
            .map(reason)
            .is_some_and(|reason| reason.contains("nothing is left of 500 requests"))
    });
    assert_eq!(daemon.stop().0, 0);
    assert_eq!((world.runs().len(), world.errors().len()), (1, 0));
}
