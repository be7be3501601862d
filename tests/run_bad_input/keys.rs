//! A key is nowhere but in the request: every artefact of a run is searched for one that was planted.

use crate::raw_server::{Act, STREAM_HEAD, chunk, last_chunk, play, send};
use crate::support::Home;
use crate::support::answers::{CANARY, STOP, calling, plain, sound, text};
use crate::support::ran::{QUICK, in_little_space, ran, unprivileged};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The files below a directory that hold the planted key.
fn leaks(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(leaks(&path));
        } else if String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(CANARY) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Answers that carry the key back in every place that a host has for words.
fn echoes() -> Vec<Vec<Act>> {
    let error = format!(
        "{{\"error\":{{\"message\":\"bad key {CANARY}\",\"code\":\"{CANARY}\",\"type\":\"{CANARY}\"}}}}"
    );
    let in_stream = format!("data: {error}\n\n");
    let status =
        vec![send(format!("HTTP/1.1 401 {CANARY}\r\ncontent-length: {}\r\n\r\n{error}", error.len()))];
    vec![
        plain("401 Unauthorized", &format!("x-request-id: {CANARY}\r\n"), &error),
        plain("500 Internal Server Error", "", &format!("<html>{CANARY}</html>")),
        plain("302 Found", &format!("location: https://x.invalid/{CANARY}\r\n"), ""),
        plain("200 OK", "", &format!("<html>{CANARY}</html>")),
        plain("429 Too Many Requests", &format!("retry-after: {CANARY}\r\n"), CANARY),
        vec![send(STREAM_HEAD), chunk(text("one")), chunk(in_stream), last_chunk()],
        vec![send(STREAM_HEAD), chunk(format!("data: not json {CANARY}\n\n")), last_chunk()],
        vec![send(STREAM_HEAD), chunk(format!("event: error\ndata: {CANARY}\n\n")), last_chunk()],
        vec![send(format!("HTTP/1.1 {CANARY}\r\n\r\n"))],
        status,
    ]
}

#[test]
fn a_key_that_a_host_echoes_is_nowhere() {
    for acts in echoes() {
        let home = Home::new();
        let address = play(acts);
        for arguments in [&["-v", "--csv", "runs.csv"][..], &["--json"], &["--ndjson"], &["--quiet"]] {
            let ran = ran(&mut calling(&home, address, arguments));
            assert_eq!(ran.code, 1, "{ran:?}");
            assert!(!ran.out.contains(CANARY) && !ran.err.contains(CANARY), "{arguments:?}: {ran:?}");
        }
        assert_eq!(home.rows("errors").len(), 4);
        assert_eq!(leaks(home.path()), [""; 0]);
    }
}

#[test]
fn a_key_of_a_success_is_nowhere() {
    let home = Home::new();
    let address = play(sound());
    for arguments in [&["-v", "--csv", "runs.csv"][..], &["--json"], &["--ndjson"]] {
        let ran = ran(&mut calling(&home, address, arguments));
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(!ran.out.contains(CANARY) && !ran.err.contains(CANARY), "{arguments:?}: {ran:?}");
    }
    assert_eq!(home.rows("runs").len(), 3);
    assert_eq!(leaks(home.path()), [""; 0]);
}

#[test]
fn a_key_that_a_host_puts_into_a_row_of_success_is_nowhere() {
    let acts = || {
        let first = format!(
            "data: {{\"id\":\"{CANARY}\",\"model\":\"{CANARY}\",\"system_fingerprint\":\"{CANARY}\",\
            \"service_tier\":\"{CANARY}\",\"provider\":\"{CANARY}\",\"choices\":[]}}\n\n"
        );
        vec![send(STREAM_HEAD), chunk(first), chunk(text("one")), chunk(STOP), last_chunk()]
    };
    let home = Home::new();
    let ran = ran(&mut calling(&home, play(acts()), &["--ndjson"]));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!ran.out.contains(CANARY), "{}", ran.out);
    assert_eq!(leaks(home.path()), [""; 0]);
}

#[test]
fn a_key_waits_in_no_file_either() {
    let home = Home::new();
    let error = format!("{{\"error\":{{\"message\":\"bad key {CANARY}\"}}}}");
    let address = play(plain("401 Unauthorized", "", &error));
    let many = ["--quiet", "-n", "60"];
    assert_eq!(ran(&mut calling(&home, address, &many)).code, 1);
    // The database may not grow any more, so later rows wait in files.
    let ended = ran(&mut in_little_space(&calling(&home, address, &many), 300));
    assert_eq!(ended.code, 75, "{ended:?}");
    assert!(!home.undelivered().is_empty());
    assert_eq!(leaks(home.path()), [""; 0]);
}

#[test]
fn the_memory_of_the_process_is_closed() {
    let home = Home::new();
    let mut command =
        home.llmbench(&["run", "--no-store", "--quiet", "--timeout", "600s", "--model", "sim:hang"]);
    command.env("OPENAI_API_KEY", CANARY).stdin(Stdio::null());
    let mut child = unprivileged(&mut command).spawn().unwrap();
    let mut sleep = Command::new("sleep");
    let open = unprivileged(sleep.arg("600").env("OPENAI_API_KEY", CANARY)).spawn().unwrap();
    let reads = |pid: u32| {
        let mut cat = Command::new("cat");
        cat.arg(format!("/proc/{pid}/environ"));
        ran(unprivileged(&mut cat))
    };
    let hardened = |pid: u32| {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        core.split_whitespace().skip(4).take(2).eq(["0", "0"])
    };
    // Hardening comes first in `main`; the dynamic loader comes before it.
    while !hardened(child.id()) {
        assert!(child.try_wait().unwrap().is_none(), "it ended without");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    while reads(child.id()).out.contains(CANARY) {
        assert!(child.try_wait().unwrap().is_none(), "its environment stayed open to other processes");
    }
    let control = reads(open.id());
    assert!(control.out.contains(CANARY), "the reader can read what is not closed: {control:?}");
    for mut child in [child, open] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_key_that_cannot_be_one_is_not_repeated() {
    let refused = ran(Home::new()
        .llmbench(&["run", "--model", "openai:gpt-4o"])
        .env("OPENAI_API_KEY", format!("{CANARY} {CANARY}")));
    assert_eq!(refused.code, 2);
    assert!(
        refused.err.contains("OPENAI_API_KEY is unusable") && !refused.err.contains(CANARY),
        "{}",
        refused.err
    );
    let password = ran(Home::new()
        .llmbench(&["run", "--model", QUICK])
        .args(["--store", &format!("redis://u:{CANARY}@h")]));
    assert_eq!(password.code, 2);
    assert!(!password.err.contains(CANARY), "{}", password.err);
}

/// A store URL whose host was forgotten holds a password where a port would be.
#[test]
fn a_store_url_without_a_host_is_not_repeated_by_any_command() {
    let home = Home::new();
    for url in
        ["mongodb://user:canary-Secret", "mongodb+srv://user:canary-Secret/db", "mongodb:user:canary-Secret"]
    {
        for arguments in [
            &["run", "--model", QUICK][..],
            &["daemon", "--once"],
            &["daemon", "--dry-run"],
            &["doctor", "--offline"],
            &["doctor"],
            &["status"],
            &["models", "list"],
            &["results", "list"],
            &["errors", "summary"],
            &["db", "init"],
            &["ingest", "key", "list"],
            &["ingest", "serve"],
        ] {
            for by_flag in [true, false] {
                let mut command = home.llmbench(arguments);
                match by_flag {
                    true => command.args(["--store", url]),
                    false => command.env("LLMBENCH_STORE", url),
                };
                let told = ran(&mut command);
                assert_ne!(told.code, 0, "{arguments:?}: {told:?}");
                let all = [told.out.as_str(), &told.err].concat().to_lowercase();
                assert!(!all.contains("canary-secret"), "{arguments:?} {url}: {told:?}");
            }
        }
    }
}
